"""Databases from one release's form to the next one's, and MLflow's back again.

The history's migrations only add, so the release before works with what they leave. MLflow's change what they
like, and its server starts on exactly its own form: it is stopped before, and a copy of its database is kept
until the new release serves.
"""

from pathlib import Path

from hosting import backups, databases, places, services, units
from hosting.commands import run, say
from hosting.errors import HostError

_MLFLOW = "barometer-mlflow.service"
#: Found without importing MLflow, which takes seconds.
_NEWEST = (
    "import importlib.util, pathlib, alembic.script; "
    "folder = pathlib.Path(importlib.util.find_spec('mlflow').origin).parent / 'store/db_migrations'; "
    "print(alembic.script.ScriptDirectory(str(folder)).get_current_head())"
)
#: As `mlflow db upgrade URL`, whose URL everybody would see in the list of processes.
_UPGRADE = "import os, mlflow.cli; mlflow.cli.cli(['db', 'upgrade', os.environ['MLFLOW_BACKEND_STORE_URI']])"


def migrate(name: str, folder: Path) -> Path | None:
    """Bring the databases to a release's form; return the copy of MLflow's as it was, if that one changed.

    Args:
        name: the release that is to serve.
        folder: where the copy may lie; it holds all that MLflow knows.

    Raises:
        HostError: a migration failed; MLflow's database is then as it was, and serves.
    """
    release = places.RELEASES / name
    history = services.call(release, "monitoring", "migrate", "--check")
    registry = not units.is_masked(_MLFLOW) and registry_form(release) != databases.revision(_registry())
    if history or registry:
        say(f"backup before the migrations: {backups.make(keep=7)}")
    if history:
        say(services.call(release, "monitoring", "migrate"))
    return _migrate_registry(release, folder / "mlflow") if registry else None


def undo(copy: Path) -> None:
    """Put MLflow's database back as it was, for the release before."""
    run("systemctl", "stop", _MLFLOW)
    databases.load(_registry(), copy)


def registry_form(release: Path) -> str:
    """The migration at which a release's MLflow wants its database."""
    return run(release / "bin/python", "-c", _NEWEST)


def require_own_form(release: Path) -> None:
    """Look whether a release's MLflow can start on the database as it is.

    Raises:
        HostError: it cannot.
    """
    found, wanted = databases.revision(_registry()), registry_form(release)
    if not units.is_masked(_MLFLOW) and found not in (None, wanted):
        raise HostError(
            f"MLflow's database is at {found}, and {release.name} reads {wanted}: nothing was changed. "
            "A backup from before that upgrade goes with that release: barometer-host restore"
        )


def _migrate_registry(release: Path, copy: Path) -> Path:
    say("MLflow stops for its migration; workers serve what they have")
    run("systemctl", "stop", _MLFLOW)
    databases.copy(_registry(), copy)
    settings = services.environment("mlflow") | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        run(
            "setpriv", "--reuid=barometer-mlflow", "--regid=barometer-mlflow", "--clear-groups",
            release / "bin/python", "-c", _UPGRADE,
            env=settings | {databases.VARIABLES["mlflow"]: _registry().url},
        )  # fmt: skip
    except HostError:
        undo(copy)
        run("systemctl", "start", _MLFLOW)
        raise
    return copy


def _registry() -> databases.Database:
    return databases.of("mlflow")
