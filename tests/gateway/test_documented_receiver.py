"""The receiver in docs/ does what the README says of it."""

import subprocess
import sys
from pathlib import Path

from tests.gateway.conftest import Gateway, free_port
from tests.working import Rule, working

RECEIVER = Path(__file__).parents[2] / "docs" / "receiver.py"


def test_it_verifies_and_prints_what_arrives_and_refuses_a_forgery(gateway: Gateway, redis_url: str) -> None:
    port = free_port()
    command = [sys.executable, str(RECEIVER), gateway.url, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout.readline() == f"listening on http://127.0.0.1:{port}/\n"
            with working(redis_url, Rule()):
                id = gateway.create("bad", webhook=f"http://127.0.0.1:{port}/").json()["id"]
                assert receiver.stdout.readline() == f"{id} succeeded negative 0.9\n"
            assert (
                gateway.http.post(f"http://127.0.0.1:{port}/", json={"status": "succeeded"}).status_code
                == 400
            )
        finally:
            receiver.terminate()
