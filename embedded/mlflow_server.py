"""Our own MLflow: how it is started, when it answers, whether it holds a champion.

Asks over HTTP, so that the launcher never imports MLflow.
"""

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

from httpx2 import AsyncClient, HTTPError

from contract.registry import CHAMPION, DEFAULT_MODEL
from embedded.children import Spec, python
from embedded.errors import Refused
from embedded.preflight import check_port

NAME = "mlflow"
#: Never on another address: our MLflow asks nobody for a password.
HOST = "127.0.0.1"
#: MLflow's own default, and how far to look for a free one.
FIRST_PORT, PORTS_TRIED = 5000, 50


def choose_port(wanted: int | None) -> int:
    """Return the port to listen on: the one that was set, else the first free one from 5000.

    Raises:
        Refused: it is taken, or all are.
    """
    if wanted is not None:
        check_port(HOST, wanted, "choose another with EMBEDDED_MLFLOW_PORT")
        return wanted
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with contextlib.suppress(Refused):
            check_port(HOST, port, "try the next one")
            return port
    raise Refused(
        f"ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are taken; name a free one for MLflow with "
        "EMBEDDED_MLFLOW_PORT."
    )


def url(port: int) -> str:
    """Return the MLFLOW_TRACKING_URI of the server on ``port``."""
    return f"http://{HOST}:{port}"


def database(data: Path) -> Path:
    """Return the file that holds runs and registry."""
    return data / "mlflow.db"


def check_database(file: Path) -> None:
    """Look for damage in the database, if there is one.

    Raises:
        Refused: SQLite finds the file damaged.
    """
    if not file.exists():
        return
    try:
        # Not read-only: after a crash SQLite must first roll its journal back.
        with contextlib.closing(sqlite3.connect(f"file:{file.as_posix()}?mode=rw", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise Refused(
            f"{file}, where MLflow keeps runs and models, is damaged ({verdict}): put a copy of it back, or "
            "move it away to begin with an empty registry."
        )


def spec(data: Path, port: int, chatter: Path) -> Spec:
    """Return how to run the server: one worker, SQLite, artefacts through the server."""
    options = {
        "host": HOST,
        "port": str(port),
        "workers": "1",
        "backend-store-uri": f"sqlite:///{database(data)}",
        "artifacts-destination": str(data / "artifacts"),
        # Workers ask for the alias every few seconds, for ever: a log of that would fill the disk.
        "uvicorn-opts": "--no-access-log",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return Spec(
        name=NAME,
        command=python("mlflow", "server", "--serve-artifacts", *arguments),
        # Without job execution: two processes and 0.5 GB instead of ten and 1.2 GB.
        environment={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        chatter=chatter,
    )


def answers(client: AsyncClient, address: str) -> Callable[[], Awaitable[bool]]:
    """Return a probe: whether this URL answers GET with 200."""

    async def probe() -> bool:
        try:
            return (await client.get(address)).status_code == 200
        except HTTPError:
            return False

    return probe


def has_champion(client: AsyncClient, tracking_uri: str) -> Callable[[], Awaitable[bool]]:
    """Return a probe: whether the registry has a champion; no if it cannot be asked over HTTP."""
    question = urlencode({"name": DEFAULT_MODEL, "alias": CHAMPION})
    address = f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{question}"
    return answers(client, address)
