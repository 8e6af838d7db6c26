"""From a source to a release that serves, and back: the order of the steps."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from hosting import accounts, databases, health, migrations, places, releases, services, units
from hosting.commands import run, say, succeeds
from hosting.errors import HostError, NotReady, Unhealthy

_SERVERS = ("barometer-redis.service", "barometer-mlflow.service")
_TRAINER = "barometer-trainer.service"


def check_machine() -> None:
    """Look for what an install needs.

    Raises:
        NotReady: something is missing; with the command that brings it.
    """
    if os.geteuid() != 0:
        raise NotReady("this needs root: sudo systemd/install")
    if not Path("/run/systemd/system").exists():
        raise NotReady("systemd does not run here")
    if not succeeds(sys.executable, "-c", "import ensurepip, venv"):
        raise NotReady("this Python cannot make environments: apt install python3-venv")
    if not units.is_masked("barometer-redis.service") and shutil.which("redis-server") is None:
        raise NotReady(
            "there is no redis-server: apt install redis-server; or, with a Redis elsewhere: "
            "systemctl mask barometer-redis"
        )
    databases.check()


def install(source: releases.Source, wheelhouse: Path | None, keep: int, workers: int) -> None:
    """Install a source and let it serve; what served before comes back if it does not.

    ``workers`` is how many an empty host gets; later their number is what the operator made of it.

    Raises:
        NotReady: the machine lacks something.
        Unhealthy: the release does not answer.
    """
    check_machine()
    places.RELEASES.mkdir(parents=True, exist_ok=True)
    places.ENVIRONMENTS.mkdir(exist_ok=True)
    before = releases.current()
    name = releases.make(source, wheelhouse)
    accounts.make(places.RELEASES / name)
    if before is None:
        _first(name, workers)
    elif before == name and _is_well(name):
        say(f"{name} serves already")
        return
    try:
        _upgrade(name, before)
    except Unhealthy:
        if name != releases.current():
            # Its words are in the journal; nobody shall go back to it.
            releases.remove(name)
        raise
    gone = releases.prune(keep)
    say(f"{name} serves" + (f"; removed {', '.join(gone)}" if gone else ""))


def _upgrade(name: str, before: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix=".before-", dir=places.BACKUPS) as folder:
        is_new = before not in (None, name)
        switch(name, before, migrations.migrate(name, Path(folder)) if is_new else None)


def switch(name: str, before: str | None, registry: Path | None = None) -> None:
    """Let a release serve, or the one before it again.

    ``registry`` is MLflow's database as the release before needs it, where a migration changed it.

    Raises:
        Unhealthy: the release does not answer.
    """
    try:
        _serve(name, before)
    except HostError as error:
        if before is None or before == name:
            raise Unhealthy(str(error)) from error
        say(f"{name}: {error}")
        say(f"going back to {before}")
        if registry:
            migrations.undo(registry)
        _serve(before, name)
        raise Unhealthy(f"{name} was not healthy; {before} serves again") from error


def roll_back(name: str | None) -> str:
    """Let a release serve that is on this host, the one that served last if none is named; return its name.

    Raises:
        HostError: there is none, or MLflow's database is not its own any more; nothing was changed then.
        Unhealthy: it does not answer.
    """
    check_machine()
    chosen = name or previous()
    migrations.require_own_form(places.RELEASES / chosen)
    switch(chosen, releases.current())
    return chosen


def previous() -> str:
    """The release to go back to: the one that served last.

    Raises:
        HostError: there is none.
    """
    others = [name for name in releases.installed() if name != releases.current()]
    if not others:
        raise HostError("there is no other release on this host")
    return others[0]


def uninstall(*, data: bool) -> None:
    """Take Barometer off this host; ``data`` says whether state, settings and backups go too."""
    units.remove()
    places.COMMAND.unlink(missing_ok=True)
    shutil.rmtree(places.PREFIX, ignore_errors=True)
    shutil.rmtree("/var/cache/barometer", ignore_errors=True)
    if data:
        for folder in (places.STATE, places.SETTINGS, places.BACKUPS):
            shutil.rmtree(folder, ignore_errors=True)


def _first(name: str, workers: int) -> None:
    """Prepare an empty host: servers, a key for the health gate, a first champion, workers."""
    release = places.RELEASES / name
    units.install(release)
    if servers := _wanted(_SERVERS):
        run("systemctl", "start", *servers)
    if not places.PROBE_KEY.exists():
        key = services.call(
            release, "gateway", "keys", "make", "health-gate", "--scope", "predict", "--scope", "read"
        )
        places.PROBE_KEY.touch(mode=0o600)
        places.PROBE_KEY.write_text(key + "\n")
    if "barometer-mlflow.service" in servers:
        say("training the first model on the packaged corpus, if there is none")
        services.call(release, "trainer", "starter")
    instances = [f"barometer-worker@sentiment-{number}.service" for number in range(1, workers + 1)]
    run("systemctl", "enable", "--quiet", units.TARGET, *instances)


def _serve(name: str, before: str | None) -> None:
    """Let a release serve: units, then process after process, then the health gate."""
    release = places.RELEASES / name
    units.install(release)
    releases.point_at(name)
    places.COMMAND.unlink(missing_ok=True)
    places.COMMAND.symlink_to(places.CURRENT / "systemd/install")
    succeeds("systemctl", "reset-failed", "barometer-*")
    for unit in _wanted(("barometer-redis.service", "barometer-gateway.socket")):
        run("systemctl", "start", unit)
    for unit in _parts():
        # On an empty host nothing runs that would have to be replaced.
        run("systemctl", "start" if before is None else "restart", unit)
    if not units.is_masked(_TRAINER):
        # A training in hand ends first, which may take minutes: nobody waits for that.
        run("systemctl", "restart", "--no-block", _TRAINER)
    run("systemctl", "start", "--no-block", units.TARGET)
    health.require(_parts())


def _is_well(name: str) -> bool:
    """Put the units of the release that serves right, and say whether it answers."""
    units.install(places.RELEASES / name)
    try:
        health.require(_parts(), patience_s=5)
    except Unhealthy as error:
        say(f"{name}: {error}")
        return False
    return True


def _parts() -> list[str]:
    """What a release restarts and what must run, in order.

    Workers come before the gateway, one after the other: while one loads, the others answer, and a release
    whose workers do not start never gets a request. Redis is not among them: an upgrade does not need it
    anew.
    """
    names = ("barometer-mlflow.service", "barometer-monitoring.service", *units.workers())
    return _wanted((*names, "barometer-gateway.service"))


def _wanted(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if not units.is_masked(name)]
