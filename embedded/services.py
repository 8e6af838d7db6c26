"""Which parts Barometer has on one machine, what each needs, and what each is told.

Declares; starts nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from httpx2 import AsyncClient

from contract import keys
from embedded import mlflow_server, redis_server
from embedded.banner import without_secret
from embedded.children import Spec, python
from embedded.preflight import log_file
from embedded.settings import Settings
from embedded.supervisor import Part, Task

TRAINER, TRAININGS, MONITORING, GATEWAY = "trainer", "trainings", "monitoring", "gateway"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the services are pointed at. ``part`` starts it; None if it is someone else's."""

    url: str
    part: Part | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """What must be up before a client of this server starts."""
        return (self.part.spec.name,) if self.part else ()


def redis(settings: Settings, data: Path, socket: Path, search_path: str) -> Server:
    """Return the Redis server to use, ours unless REDIS_URL is set.

    Raises:
        Refused: no server program can be used.
    """
    if settings.redis_url:
        return Server(settings.redis_url)
    program = redis_server.find(search_path)
    redis_server.check_format(program, data)
    url = redis_server.url(socket)
    part = Part(
        spec=redis_server.spec(program, data, socket, log_file(data, redis_server.NAME)),
        is_up=redis_server.answers(url),
        diagnose=redis_server.diagnosis(data, program),
    )
    return Server(url, part)


def mlflow(settings: Settings, data: Path, client: AsyncClient) -> Server:
    """Return the MLflow server to use, ours unless MLFLOW_TRACKING_URI is set.

    Raises:
        Refused: its database is damaged, or its port taken.
    """
    if settings.mlflow_tracking_uri:
        return Server(settings.mlflow_tracking_uri)
    mlflow_server.check_database(mlflow_server.database(data))
    port = mlflow_server.choose_port(settings.mlflow_port)
    url = mlflow_server.url(port)
    part = Part(
        spec=mlflow_server.spec(data, port, log_file(data, mlflow_server.NAME)),
        is_up=mlflow_server.answers(client, f"{url}/health"),
    )
    return Server(url, part)


def parts(settings: Settings, redis: Server, mlflow: Server, client: AsyncClient) -> list[Part | Task]:
    """Return all parts in start order; in the reverse order they stop.

    Clients stop before the servers they need, the gateway first, so that it takes nothing in that
    nobody would work on, and Redis last, so that every commit still finds it.
    """
    servers: list[Part | Task] = [server.part for server in (redis, mlflow) if server.part]
    trainer = Task(
        spec=Spec(name=TRAINER, command=python("trainer", "starter")),
        after=(*redis.needed, *mlflow.needed),
        is_done=mlflow_server.has_champion(client, mlflow.url),
    )
    trainings = Part(
        spec=Spec(
            name=TRAININGS,
            command=python("trainer", "work"),
            environment={"TRAINER_CHECKPOINTS": str(settings.data / "checkpoints")},
        ),
        after=redis.needed,
    )
    monitoring = Part(
        spec=Spec(
            name=MONITORING,
            command=python("monitoring"),
            environment={"MONITORING_DATABASE_URL": f"sqlite:///{settings.data / 'history.db'}"},
        ),
        after=redis.needed,
        is_up=redis_server.beats(redis.url, keys.MONITORING_HEARTBEAT),
    )
    cache = {"WORKER_CACHE": str(settings.data / "models")}
    workers = [
        # Not after the trainer: imports take as long as MLflow's start, and it waits for a champion itself.
        Part(spec=Spec(name=name, command=python("worker"), environment=cache), after=redis.needed)
        for name in worker_names(settings.workers)
    ]
    gateway = Part(
        spec=Spec(name=GATEWAY, command=python("gateway")),
        after=redis.needed,
        is_up=mlflow_server.answers(client, f"{settings.gateway_url}/livez"),
        diagnose=lambda _: None if settings.is_loopback else _unkeyed(settings.host, redis.url),
    )
    return [*servers, trainer, trainings, monitoring, *workers, gateway]


def _unkeyed(host: str, redis_url: str) -> str:
    """Return what to do when the gateway did not want an address; it has said itself why not."""
    return (
        f"the gateway did not start on {host}, for the reason above. If there are no keys: start without "
        f"--host, make one with REDIS_URL='{without_secret(redis_url)}' python -m gateway keys make NAME, "
        "and start again."
    )


def worker_names(count: int) -> list[str]:
    """Return the workers' names: ``worker``, or ``worker-1`` and on if there are several."""
    return ["worker"] if count == 1 else [f"worker-{number}" for number in range(1, count + 1)]


def environment(
    settings: Settings, redis: Server, mlflow: Server, given: Mapping[str, str]
) -> dict[str, str]:
    """Return what the services are told: ``given``, and what is not set there."""
    told = {
        "REDIS_URL": redis.url,
        "MLFLOW_TRACKING_URI": mlflow.url,
        "GATEWAY_HOST": settings.host,
        "GATEWAY_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
    }
    if settings.is_loopback:
        # So that a webhook can be tried with a receiver on this machine. Nobody else can send one there.
        told |= {"GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8,::1/128", "GATEWAY_WEBHOOK_HTTP": "true"}
    return {**given, **{name: value for name, value in told.items() if not given.get(name)}}
