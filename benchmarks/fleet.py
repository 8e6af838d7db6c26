"""All processes of the service on this machine, several of each, to be struck one by one.

Real programs with real durability, as the launcher starts them, and restarted a second after a death as the
launcher or systemd would. Two gateways on two ports stand for two hosts behind a balancer.
"""

import asyncio
import os
import random
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx2
from redis.asyncio import Redis

from contract.registry import CHAMPION, DEFAULT_MODEL
from embedded import mlflow_server, redis_server
from embedded.children import Child, Spec, Surroundings, ending, python
from embedded.supervisor import wait_until

#: Settings of whoever runs this, which must not reach what is measured.
OURS = re.compile("REDIS_URL|MLFLOW_|APPLICATIONINSIGHTS_|EMBEDDED_|GATEWAY_|WORKER_|TRAINER_|MONITORING_")
#: Below the kernel's ephemeral ports: a client that keeps asking for a port whose owner was killed could
#: otherwise be given that very port as its own, and hold it.
PORTS = range(20_000, 32_000)
RESTART_AFTER = timedelta(seconds=1)
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many there are of what. ``fsync`` is Redis' own setting: always, everysec or no."""

    gateways: int = 2
    workers: int = 3
    fsync: str = "always"


class Fleet:
    """Start with ``start``, then let ``keep`` run until all is done, then ``stop``; in this order.

    Args:
        folder: an empty folder with a short path; data and logs lie there.
        settings: environment variables for all services.
    """

    def __init__(self, folder: Path, shape: Shape, settings: Mapping[str, str]) -> None:
        self.folder = folder
        (folder / "logs").mkdir()
        ports = _free_ports(shape.gateways + 1)
        socket_path = folder / "redis.sock"
        self.redis_url = redis_server.url(socket_path)
        self.mlflow = mlflow_server.url(ports[0])
        self.apis = [f"http://{HOST}:{port}" for port in ports[1:]]

        program = redis_server.find(os.environ["PATH"])
        redis = redis_server.spec(program, folder, socket_path, self._log("redis"))
        redis = replace(redis, command=[*redis.command, "--appendfsync", shape.fsync])
        specs = [
            redis,
            mlflow_server.spec(folder, ports[0], self._log("mlflow")),
            self._service("monitoring"),
        ]
        specs += [self._service("worker", n) for n in range(1, shape.workers + 1)]
        specs += [self._service("gateway", n, GATEWAY_PORT=str(port)) for n, port in enumerate(ports[1:], 1)]
        #: By name: redis, mlflow, monitoring, worker-1, ..., gateway-1, ...; in the order they start.
        given = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        told = {
            "REDIS_URL": self.redis_url,
            "MLFLOW_TRACKING_URI": self.mlflow,
            "GATEWAY_WEBHOOK_ALLOW": f"{HOST}/32",
            "GATEWAY_WEBHOOK_HTTP": "true",
            "MONITORING_DATABASE_URL": f"sqlite:///{folder / 'history.db'}",
            "TRAINER_CHECKPOINTS": str(folder / "checkpoints"),
            "PYTHONUNBUFFERED": "1",
        }
        self._surroundings = Surroundings({**given, **told, **settings}, (), lambda *_: None)
        self.children = {spec.name: Child(spec, self._surroundings) for spec in specs}

    async def start(self) -> None:
        """Start the servers, train a first champion, start the services, and wait until they work.

        Raises:
            SystemExit: the training failed, or something stopped instead of starting.
            PartFailed: something did not come up in five minutes.
        """
        for name in ("redis", "mlflow"):
            await self.children[name].start()
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
            await self._up("redis", redis_server.answers(self.redis_url))
            await self._up("mlflow", mlflow_server.answers(http, f"{self.mlflow}/health"))
            await self.run("trainer", "starter")
            for name in ("monitoring", *self.names("worker"), *self.names("gateway")):
                await self.children[name].start()
            for api in self.apis:
                await self._up(api, _knows_workers(http, api, len(self.names("worker"))))

    async def keep(self) -> None:
        """Restart what dies, until cancelled.

        Raises:
            PartFailed: a part died five times within a minute.
        """
        async with asyncio.TaskGroup() as keepers:
            for child in self.children.values():
                keepers.create_task(child.keep(RESTART_AFTER))

    async def stop(self) -> None:
        """Stop all, clients before servers. Call when ``keep`` has ended."""
        for service in ("gateway", "worker", "monitoring", "mlflow", "redis"):
            children = [self.children[name] for name in self.names(service)]
            for name in self.names(service):
                # One that stands still would not hear the request to stop.
                self.signal(name, signal.SIGCONT)
            await asyncio.gather(*(child.stop() for child in children))

    def names(self, service: str) -> list[str]:
        """Return the names of the processes of one service."""
        return [name for name in self.children if name.partition("-")[0] == service]

    def pid(self, name: str) -> int | None:
        """Return the process id; None while it is dead."""
        child = self.children[name]
        return None if child.exit_code is not None else child.pid

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """Send a signal; return the process id that got it, None if the process is dead."""
        pid = self.pid(name)
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return None
        return pid

    async def run(self, module: str, *arguments: str) -> None:
        """Run one of our programs to its end.

        Raises:
            SystemExit: it failed; says where its lines are.
        """
        child = Child(
            Spec(name=module, command=python(module, *arguments), chatter=self._log(module)),
            self._surroundings,
        )
        await child.start()
        try:
            code = await child.exited()
        finally:
            child.kill()
        if code:
            raise SystemExit(f"{module} {arguments[0]} failed:\n" + "\n".join(child.spec.tail()))

    async def move_alias(self, version: str) -> None:
        """Let another version serve, as MLflow's own page does it.

        Raises:
            httpx2.HTTPError: MLflow does not answer, or refuses.
        """
        body = {"name": DEFAULT_MODEL, "alias": CHAMPION, "version": version}
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as http:
            answer = await http.post(f"{self.mlflow}/api/2.0/mlflow/registered-models/alias", json=body)
        answer.raise_for_status()

    def redis(self) -> "Redis":
        """Return a client that decodes what it reads."""
        return Redis.from_url(self.redis_url, decode_responses=True)

    async def _up(self, what: str, probe: Callable[[], Awaitable[bool]]) -> None:
        def check() -> None:
            for name, child in self.children.items():
                if child.exit_code is not None:
                    tail = "\n".join(child.spec.tail())
                    raise SystemExit(
                        f"{name} stopped with {ending(child.exit_code)} instead of starting:\n{tail}"
                    )

        await wait_until(what, probe, check=check)

    def _service(self, service: str, number: int | None = None, **settings: str) -> Spec:
        name = f"{service}-{number}" if number else service
        return Spec(name=name, command=python(service), environment=settings, chatter=self._log(name))

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


def _knows_workers(http: httpx2.AsyncClient, api: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        try:
            answer = await http.get(f"{api}/readyz")
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["workers"] >= count

    return probe


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    # Not seeded: two runs at once must not want the same ports.
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as listener:
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    sys.exit(f"no {count} free ports from {PORTS.start} to {PORTS.stop - 1}.")
