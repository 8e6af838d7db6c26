"""Everything the service does, through the processes that do it, each with the Redis user of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
from rq import Queue
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from tests.end_to_end.barometer import environment
from tests.gateway.conftest import free_port
from tests.gateway.receiver import receiving
from tests.scale.secured import Secured
from tests.scale.services import Service, all_say, service
from tests.working import wait_for

#: Three of these run at once, on as little as two cores.
PATIENCE_S = 70
RQ = Path(sys.prefix) / "bin" / "rq"


class WholePath:
    """Gateway, worker, monitoring and trainer on one secured Redis."""

    def __init__(self, server: Secured, gateway: str, services: dict[str, Service]) -> None:
        self.server, self.services = server, services
        self.http = httpx2.Client(base_url=gateway, timeout=PATIENCE_S, trust_env=False)

    def create(self, text: str, *, waits: bool = True, **fields: object) -> dict:
        headers = {"Prefer": "wait"} if waits else {}
        body = {"input": {"text": text}, **fields}
        return self.http.post("/v1/predictions", json=body, headers=headers).raise_for_status().json()

    def predict(self) -> None:
        """Succeed, fail, deliver, cancel; then read all there is to read."""
        assert self.create("fine")["output"]["label"] == "positive"
        assert self.create("poison")["status"] == "failed"
        with receiving() as receiver:
            self.create("fine", webhook=receiver.url)
            wait_for(lambda: receiver.received, PATIENCE_S)
        # The worker is busy with one, the other waits behind it.
        self.create("slow", waits=False)
        waiting = self.create("fine", waits=False)["id"]
        canceled = self.http.post(f"/v1/predictions/{waiting}/cancel").json()
        assert canceled["status"] in ("canceled", "succeeded")
        for path in (
            f"/v1/predictions/{waiting}", "/readyz", "/metrics", "/v1/webhooks/default/secret",
            "/v1/overview",
        ):  # fmt: skip
            assert self.http.get(path).status_code == 200, path

    def alert(self) -> None:
        """Cross the limit of negative results, and see the alert as a client and as an operator does."""
        for _ in range(4):
            assert self.create("bad")["output"]["label"] == "negative"
        wait_for(lambda: self.http.get("/v1/alerts").raise_for_status().json()["results"], PATIENCE_S)
        shown = self._run("monitoring", sys.executable, "-m", "monitoring", "status")
        assert "monitoring is running" in shown
        alert = self.http.get("/v1/alerts").json()["results"][0]["id"]
        assert self.http.post(f"/v1/alerts/{alert}/ack").is_success
        self._run("monitoring", sys.executable, "-m", "monitoring", "ack", alert)
        self._run("monitoring", sys.executable, "-m", "monitoring", "silence", "latency")

    def train(self) -> None:
        """Run a job that ends well and one that does not; RQ's part is the same as for a training."""
        queue = Queue(TRAINING_QUEUE, connection=self.server.operator, serializer=JSONSerializer)
        good, wrong = queue.enqueue("math.sqrt", 4), queue.enqueue("math.sqrt", -1)
        wait_for(lambda: good.get_status() == JobStatus.FINISHED, PATIENCE_S)
        wait_for(lambda: wrong.get_status() == JobStatus.FAILED, PATIENCE_S)

    def look(self) -> None:
        """Ask RQ's tool and ours how the queue is."""
        shown = self._run("tools", str(RQ), "info", "--url", self.server.url("tools"))
        assert "sentiment" in shown
        assert "training" in shown
        assert "sentiment" in self._run("worker", sys.executable, "-m", "worker", "status")

    def _run(self, user: str, *command: str) -> str:
        settings = {"REDIS_URL": self.server.url(user)}
        done = subprocess.run(
            command, check=False, env=environment(**settings), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def whole_path(server: Secured, mlflow: str, folder: Path) -> Iterator[WholePath]:
    """Start all services, wait until they are ready, and stop them in order."""
    port = free_port()
    settings = {
        "gateway": {
            "GATEWAY_PORT": str(port),
            "GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8",
            "GATEWAY_WEBHOOK_HTTP": "true",
        },
        "worker": {"MLFLOW_TRACKING_URI": mlflow},
        "monitoring": {
            "MONITORING_TICK": "0.2",
            "MONITORING_DATABASE_URL": f"sqlite:///{folder / 'history.db'}",
        },
        "trainer": {"MLFLOW_TRACKING_URI": mlflow},
    }
    ready = {"gateway": "gateway.ready", "worker": "worker.ready", "monitoring": "monitoring.ready",
             "trainer": "trainer.waiting"}  # fmt: skip
    modules = {"trainer": ("trainer", "work")}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(
                service(
                    folder / f"{name}.log",
                    *modules.get(name, (name,)),
                    REDIS_URL=server.url(name),
                    **own,
                )
            )
            for name, own in settings.items()
        }
        all_say({running[name]: event for name, event in ready.items()})
        path = WholePath(server, f"http://127.0.0.1:{port}", running)
        # Ready to be asked a moment after it is ready to answer.
        wait_for(lambda: _answers(path.http), PATIENCE_S)
        yield path
        path.http.close()
        for one in running.values():
            one.stop()


def _answers(http: httpx2.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx2.TransportError:
        return False
