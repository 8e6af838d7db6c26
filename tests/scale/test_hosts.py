"""Three hosts and one Redis, over TLS with a user per service; one host is cut off in mid-work."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from contract import keys
from tests.end_to_end.barometer import REPOSITORY, ends, environment
from tests.scale.hosts import Host, hosts
from tests.scale.secured import Secured, secured
from tests.scale.services import Service, all_say, service
from tests.working import wait_for

#: Free for certain: the host is new.
PORT = "8000"


@pytest.fixture
def three() -> Iterator[list[Host]]:
    if os.geteuid() != 0 and os.environ.get("GITHUB_ACTIONS"):
        _again_as_root()
    with hosts(3) as made:
        yield made


def test_what_a_cut_off_host_held_ends_once_and_when_it_is_back_both_share_the_work(
    three: list[Host], mlflow: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        front, one, two = three
        folder = Path(tempfile.mkdtemp(prefix="barometer-"))
        server = stack.enter_context(secured("stock", folder, front.address, front.within))
        settings = {"REDIS_URL": server.url("gateway"), "GATEWAY_PORT": PORT}
        gateway = stack.enter_context(
            service(tmp_path / "gateway.log", "gateway", within=front.within, **settings)
        )
        workers = [stack.enter_context(_worker(host, server, mlflow, tmp_path)) for host in (one, two)]
        all_say({gateway: "gateway.ready"} | dict.fromkeys(workers, "worker.ready"))

        with _sending(front, 32) as sender:
            lost = _unplug_in_the_middle(server, one)
            ended = _ended(sender)
        assert {prediction["status"] for prediction in ended} == {"succeeded"}
        assert lost <= {prediction["id"] for prediction in ended if prediction["attempts"] > 1}

        one.plug_in()
        # What it had left to say is refused, and it works on.
        wait_for(lambda: "commit.refused" in workers[0].events(), 60)
        with _sending(front, 32) as sender:
            later = _ended(sender)
        assert {prediction["status"] for prediction in later} == {"succeeded"}
        assert {_host(server, prediction["id"]) for prediction in later} == {one.namespace, two.namespace}

        assert ends(server.operator) == dict.fromkeys((prediction["id"] for prediction in ended + later), 1)
        assert server.operator.zcard(keys.LEASES) == 0
        assert server.refusals() == []
        assert [running.stop() for running in workers] == [0, 0]


@contextmanager
def _worker(host: Host, server: Secured, mlflow: str, folder: Path) -> Iterator[Service]:
    """A worker on a host whose name is that of its namespace, so that RQ's registry tells them apart."""
    within = (*host.within, "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host.namespace)
    settings = {"REDIS_URL": server.url("worker"), "MLFLOW_TRACKING_URI": mlflow, "WORKER_BATCH_SIZE": "4"}
    with service(folder / f"{host.namespace}.log", "worker", within=within, **settings) as running:
        yield running


@contextmanager
def _sending(host: Host, count: int) -> Iterator["subprocess.Popen[str]"]:
    """A client that sends so many texts."""
    command = [sys.executable, "-m", "tests.scale.sender", f"http://127.0.0.1:{PORT}", str(count)]
    process = subprocess.Popen(
        [*host.within, *command], env=environment(), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def _ended(sender: "subprocess.Popen[str]") -> list[dict]:
    """How all that was sent ended."""
    printed, _ = sender.communicate(timeout=90)
    ids, *ended = map(json.loads, printed.splitlines())
    assert {prediction["id"] for prediction in ended} == set(ids)
    return ended


def _held(server: Secured, host: Host) -> set[str]:
    """What is under a lease of the host's worker."""
    leases = server.operator.zrange(keys.LEASES, 0, -1)
    ids = {lease.rpartition(":")[0] for lease in leases}
    return {id for id in ids if _host(server, id) == host.namespace}


def _host(server: Secured, id: str) -> str:
    """The host of the worker that had the prediction last, by RQ's books."""
    return (server.operator.hget(keys.job(id), "worker_name") or "").partition(".")[0]


def _unplug_in_the_middle(server: Secured, host: Host) -> set[str]:
    """Cut the host off while it holds something; return what it held."""
    for _ in range(50):
        wait_for(lambda: _held(server, host), 60)
        host.unplug()
        if held := _held(server, host):
            return held
        host.plug_in()
    raise AssertionError("the host was never met with work in its hands")


def _again_as_root() -> None:
    """GitHub's user is not root but may become so: run this file as root, and say here how it went."""
    # Neither caches nor bytecode of root's are left in the tree.
    command = ["sudo", "-n", "-E", sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", __file__]
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, check=False, cwd=REPOSITORY, env=settings, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"as root:\n{done.stdout}{done.stderr}")
    pytest.skip("done as root")
