"""The command line: ``systemd/install``, on an installed host ``barometer-host``."""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hosting import backups, installing, places, releases, services
from hosting.commands import say
from hosting.errors import HostError

_EXAMPLES = """examples:
  systemd/install                                   install this checkout, or upgrade to it
  systemd/install --wheelhouse /srv/wheels          the same without a package index
  barometer-host releases                           what is installed, and what serves
  barometer-host rollback                           let the release before serve again
  barometer-host run gateway keys make shop         a service's own command, as its user
  barometer-host backup                             write /var/backups/barometer/barometer-TIME.tar.gz
  barometer-host restore FILE                       put a backup in place of what is here
  barometer-host uninstall [--data]                 take Barometer off; with --data also all it knows

exit status: 1 something failed, 2 the machine lacks something, 3 the release was not healthy
"""


def main() -> None:
    """Run one command; an error is one sentence and its exit status."""
    options = _parser().parse_args()
    try:
        with _alone():
            _do(options)
    except HostError as error:
        say(str(error))
        sys.exit(error.exit_code)


def _do(options: argparse.Namespace) -> None:
    match options.command:
        case "install":
            source = releases.Source(Path(__file__).resolve().parents[2])
            installing.install(source, options.wheelhouse, options.keep, options.workers)
            _greet()
        case "rollback":
            say(f"{installing.roll_back(options.release)} serves")
        case "releases":
            for name in releases.installed():
                print(f"{name}{'  serves' if name == releases.current() else ''}")
        case "run":
            services.become(places.CURRENT.resolve(), options.service, tuple(options.arguments))
        case "backup":
            print(backups.make(keep=options.keep, into=options.into))
        case "restore":
            backups.restore(options.file.resolve(), replace=options.replace)
        case "uninstall":
            installing.uninstall(data=options.data)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="barometer-host",
        description="Install, upgrade, back up and remove Barometer on a host with systemd. As root.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command="install", wheelhouse=None, keep=3, workers=1)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for holder in (
        parser,
        _command(commands, "install", "install the source beside this script; the default"),
    ):
        holder.add_argument(
            "--wheelhouse", type=Path, help="a folder of wheels, instead of the package index"
        )
        holder.add_argument("--workers", type=_at_least(0), help="on an empty host: how many (1)", default=1)
        holder.add_argument("--keep", type=_at_least(2), help="how many releases stay (3)", default=3)
    rollback = _command(commands, "rollback", "let another release serve")
    rollback.add_argument("release", nargs="?", help="the newest that does not serve, if not given")
    _command(commands, "releases", "list releases, the newest first")
    run = _command(commands, "run", "run a service's own command with its user and settings")
    run.add_argument("service", choices=services.SERVICES)
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    backup = _command(commands, "backup", "write a backup")
    backup.add_argument("--keep", type=_at_least(1), default=7, help="how many stay (7)")
    backup.add_argument("--into", type=Path, help="another folder; nothing is removed there")
    restore = _command(commands, "restore", "put a backup in place")
    restore.add_argument("file", type=Path)
    restore.add_argument("--replace", action="store_true", help="a PostgreSQL that is not empty, too")
    uninstall = _command(commands, "uninstall", "take Barometer off this host")
    uninstall.add_argument("--data", action="store_true", help="state, settings and backups too")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, says: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=says, description=says)
    parser.set_defaults(command=name)
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return value

    return number


def _greet() -> None:
    say("try it:")
    print(
        f"  curl -s {places.GATEWAY_URL}/v1/predictions -H 'Prefer: wait' \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        f'    -H "Authorization: Bearer $(cat {places.PROBE_KEY})" \\\n'
        '    -d \'{"input": {"text": "The crew were lovely and we landed early!"}}\''
    )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep two installs from meeting; the lock goes with the process."""
    try:
        lock = Path("/run/barometer-host.lock").open("w")  # noqa: SIM115 - closed below
    except PermissionError:
        yield  # without root nothing below can change anything
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HostError("another barometer-host runs on this machine") from error
        yield


if __name__ == "__main__":
    main()
