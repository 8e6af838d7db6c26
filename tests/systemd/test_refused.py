"""What a host refuses, on a real systemd: reloads it cannot go by, releases whose MLflow does not fit."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from tests.systemd.borrowed import SOURCE, Checkout, borrowed
from tests.systemd.host import Host
from tests.systemd.whole_host import clone, predict

pytestmark = pytest.mark.slow

#: A migration that MLflow does not have yet.
NEXT_YEAR = """
import sqlalchemy as sa
from alembic import op

revision = "next_year"
down_revision = "{newest}"


def upgrade():
    op.create_table("next_year", sa.Column("id", sa.Integer, primary_key=True))
"""


def newest() -> str:
    import mlflow

    return str(ScriptDirectory(str(Path(mlflow.__file__).parent / "store/db_migrations")).get_current_head())


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with everything on it, that sees two releases with a newer MLflow: a good one and a bad one."""
    folder = tmp_path_factory.mktemp("releases")
    versions = folder / "packages/mlflow/store/db_migrations/versions"
    versions.mkdir(parents=True)
    (versions / "next_year.py").write_text(NEXT_YEAR.format(newest=newest()))
    good = clone(folder, "good", "requirements/serve.txt", "apprise==", "# next year\napprise==")
    bad = folder / "bad"
    shutil.copytree(good, bad)
    app = bad / "gateway/app.py"
    app.write_text(
        app.read_text().replace("        catalog = Catalog(settings)\n", "        raise RuntimeError\n")
    )
    newer = Checkout(good, "/srv/good", folder / "packages")
    with borrowed(13, newer, Checkout(bad, "/srv/bad")) as host:
        host.run(f". /root/environment; {SOURCE}/systemd/install", timeout=600)
        host.run(f"mkdir {newer.environment}; mount --rbind /srv/good.environment {newer.environment}")
        yield host


def until(host: Host, script: str) -> None:
    end = time.monotonic() + 60
    while host.run(f"{script} >/dev/null 2>&1 && echo yes", check=False) != "yes":
        assert time.monotonic() < end, host.run(f"{script}; journalctl --no-pager -n 40", check=False)
        time.sleep(0.2)


def registry_form(host: Host) -> str:
    program = "import sqlite3; print(*sqlite3.connect('/var/lib/barometer/mlflow/mlflow.db')"
    return host.run(
        f". /root/environment; $PYTHON -c \"{program}.execute('SELECT * FROM alembic_version').fetchone())\""
    )


def install(host: Host, checkout: str) -> str:
    return host.run(f". /root/environment; {checkout}/systemd/install 2>&1; echo exit $?", timeout=600)


def test_a_reload_that_cannot_be_gone_by_says_why_and_changes_nothing(host: Host) -> None:
    worker = "barometer-worker@sentiment-1"
    before = host.run(f"systemctl show --property=MainPID --value {worker}")
    host.run(f"systemctl stop barometer-mlflow; ! systemctl reload {worker}")
    until(host, f"systemctl show -p StatusText {worker} | grep -q 'serves; MLflow does not answer'")
    assert "worker: MLflow does not answer" in host.run(f"systemctl status --no-pager --lines=30 {worker}")
    assert predict(host)["status"] == "succeeded"
    host.run(f"systemctl start barometer-mlflow; systemctl reload {worker}")
    until(host, f"systemctl show -p StatusText {worker} | grep -q 'serves$'")
    settings = "/etc/barometer/worker/sentiment-1.env"
    host.run(f"echo WORKER_BATCH_SIZE=x > {settings}; ! systemctl reload {worker}; rm {settings}")
    settings = "/etc/barometer/monitoring.env"
    host.run(f"echo MONITORING_LIMIT=x > {settings}; ! systemctl reload barometer-monitoring")
    assert "MONITORING_LIMIT is not usable" in host.run("systemctl status --no-pager barometer-monitoring")
    host.run(f"rm {settings}; systemctl reload barometer-monitoring")
    assert host.run(f"systemctl show --property=MainPID --value {worker}") == before


def test_a_release_that_is_taken_back_leaves_the_registry_as_the_one_before_needs_it(host: Host) -> None:
    before = registry_form(host)
    said = install(host, "/srv/bad")
    assert said.endswith("exit 3"), said
    assert "MLflow stops for its migration" in said
    assert "serves again" in said
    assert registry_form(host) == before == newest()
    assert predict(host)["status"] == "succeeded"
    assert host.run("systemctl is-active barometer-mlflow") == "active"


def test_a_release_with_a_newer_mlflow_brings_its_database_along(host: Host) -> None:
    said = install(host, "/srv/good")
    assert said.endswith("exit 0"), said
    assert "backup before the migrations" in said
    assert registry_form(host) == "next_year"
    assert predict(host)["status"] == "succeeded"
    assert host.run("systemctl is-active barometer-mlflow") == "active"


def test_a_release_whose_mlflow_could_not_start_is_refused_before_anything_stops(host: Host) -> None:
    serving = host.run("readlink /opt/barometer/current")
    said = host.run("barometer-host rollback 2>&1; echo exit $?")
    assert said.endswith("exit 1"), said
    assert "nothing was changed" in said
    assert host.run("readlink /opt/barometer/current") == serving
    assert predict(host)["status"] == "succeeded"
