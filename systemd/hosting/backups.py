"""Everything that a host must not lose, in one file, and back from it.

Taken while the service runs: SQLite copies itself consistently, and Redis' append-only files are copied while
it does not rewrite them (a last line cut short is dropped when they are read). Databases are copied before
artefacts: what they name is then there. What is in PostgreSQL comes as a dump and goes back as one.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from hosting import accounts, databases, places, units
from hosting.commands import run, say
from hosting.errors import HostError

_NAME = "barometer-{}.tar.gz"
#: Where in a backup the dumps of PostgreSQL lie, by service.
_DUMPS = places.STATE / "postgresql"
#: How long a rewrite of Redis' log may take before a backup gives up, in seconds.
_REWRITE_S = 600.0


def make(*, keep: int, into: Path | None = None) -> Path:
    """Write a backup and return its file; of those in the usual folder, the ``keep`` newest stay."""
    folder = into or places.BACKUPS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Local time may go back by an hour, and a name must not come twice.
    file = folder / _NAME.format(datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as temporary:
        copy = Path(temporary)
        _copy_databases(copy)
        with _no_rewrite():
            _copy(places.REDIS_DATA, copy)
        for other in sorted(places.STATE.iterdir()):
            if other != places.REDIS_DATA:
                _copy(other, copy, but=("*.db", "*.db-wal", "*.db-shm", "*.db-journal"))
        _copy(places.SETTINGS, copy)
        beside = file.with_suffix(".new")
        # Our folders alone: an entry for "." or "etc" would give the host's own another mode when it is read
        # back.
        ours = [str(folder.relative_to("/")) for folder in (places.STATE, places.SETTINGS)]
        run("tar", "--create", "--gzip", "--file", beside, "--directory", copy, "--numeric-owner", *ours)
        beside.chmod(0o600)
        beside.rename(file)
    if into is None:
        for old in sorted(folder.glob(_NAME.format("*")))[:-keep]:
            old.unlink()
    return file


def restore(file: Path, *, replace: bool = False) -> None:
    """Put a backup in place of what is here, and start again.

    A dump goes into the PostgreSQL that this host names, else into the one that the backup names. One that
    has tables may be the service that somebody else is using: ``replace`` says that it shall be replaced.

    Raises:
        HostError: the file cannot be read, or a database is not empty or does not take its dump.
    """
    names = run("tar", "--list", "--gzip", "--file", file).splitlines()
    if "etc/barometer/credentials/" not in names:
        raise HostError(f"{file} is no backup of Barometer")
    if not (places.UNITS / units.TARGET).exists():
        raise HostError("install Barometer first: systemd/install")
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=places.BACKUPS) as temporary:
        root = Path(temporary)
        folders = [str(folder.relative_to("/")) for folder in (places.SETTINGS, _DUMPS)]
        _extract(file, root, *(folder for folder in folders if f"{folder}/" in names))
        dumps = _dumps(root)
        for database in () if replace else dumps:
            if databases.tables(database):
                raise HostError(f"{database} is not empty: another one, or --replace if it shall be replaced")
        say("stopping")
        _stop()
        try:
            for database, dump in dumps.items():
                databases.load(database, dump)
        except HostError:
            run("systemctl", "start", units.TARGET)
            raise
        # Last: a dump that does not go in has changed nothing on this host.
        _replace(file, dumps)
    say("starting")
    run("systemctl", "start", units.TARGET)


def _dumps(root: Path) -> dict[databases.Database, Path]:
    """Return where each dump of an extracted backup is to go."""
    found = {}
    for dump in (root / _DUMPS.relative_to("/")).glob("*.dump"):
        here = databases.of(dump.stem)
        there = databases.of(dump.stem, root / places.SETTINGS.relative_to("/"))
        found[there if here.file else here] = dump
    return found


def _stop() -> None:
    run("systemctl", "stop", "barometer-gateway.socket", units.TARGET, *units.workers())
    run("systemctl", "stop", "barometer-gateway.service", "barometer-redis.service")


def _replace(file: Path, loaded: Iterable[databases.Database]) -> None:
    for folder in (places.STATE, places.SETTINGS):
        shutil.rmtree(folder)
    _extract(file, Path("/"), f"--exclude={_DUMPS.relative_to('/')}")
    for database in loaded:
        # Where a database lies is this host's business, not the backup's.
        name = databases.VARIABLES[database.service]
        (places.CREDENTIALS / database.service / name).write_text(database.url)
    accounts.make(places.CURRENT.resolve())
    _own()


def _extract(file: Path, root: Path, *words: str) -> None:
    run("tar", "--extract", "--gzip", "--file", file, "--directory", root, "--same-owner", *words)


def _copy(source: Path, root: Path, but: tuple[str, ...] = ()) -> None:
    """Copy a folder to the same path under ``root``, with owners and modes."""
    if source.exists():
        target = root / source.relative_to("/")
        target.mkdir(parents=True, exist_ok=True)
        options = [f"--exclude={pattern}" for pattern in but]
        script = 'from=$1 to=$2; shift 2; tar -C "$from" "$@" -c . | tar -C "$to" -x --same-owner'
        run("sh", "-c", script, "copy", source, target, *options)


def _copy_databases(root: Path) -> None:
    for file in places.STATE.rglob("*.db"):
        target = root / file.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        databases.copy(databases.Database("", f"sqlite:///{file}"), target)
    for database in databases.of_this_host():
        if database.file is None:
            target = root / _DUMPS.relative_to("/") / f"{database.service}.dump"
            target.parent.mkdir(parents=True, exist_ok=True)
            databases.copy(database, target)


@contextlib.contextmanager
def _no_rewrite() -> Iterator[None]:
    """Keep our Redis from rewriting its files; a Redis of someone else's is not ours to copy."""
    if not places.REDIS_SOCKET.exists():
        yield
        return
    before = _redis("CONFIG", "GET", "auto-aof-rewrite-percentage").split()[-1]
    _redis("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
    try:
        end = time.monotonic() + _REWRITE_S
        while "aof_rewrite_in_progress:1" in _redis("INFO", "persistence"):
            if time.monotonic() > end:
                raise HostError("Redis rewrites its log for too long: try again later")
            time.sleep(0.2)
        yield
    finally:
        _redis("CONFIG", "SET", "auto-aof-rewrite-percentage", before)


def _redis(*words: str) -> str:
    password = accounts.redis_url("operator").partition("operator:")[2].partition("@")[0]
    environment = {"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": password}
    return run(
        "redis-cli",
        "-s",
        places.REDIS_SOCKET,
        "--user",
        "operator",
        "--no-auth-warning",
        *words,
        env=environment,
    )


def _own() -> None:
    """Give each folder of state to its user here: on another host the same name may have another number."""
    for service in ("redis", "mlflow", "monitoring", "trainer"):
        folder = places.STATE / service
        if folder.exists():
            group = "barometer" if service == "redis" else f"barometer-{service}"
            run("chown", "--recursive", f"barometer-{service}:{group}", folder)
