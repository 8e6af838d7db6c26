"""Each service has a Redis user that may do all it does, and nothing else."""

import inspect
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoPermissionError
from rq import Queue
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer

from contract import keys
from contract.jobs import TRAINING_QUEUE, Judged
from gateway.batches.store import BATCHES_PREFIX, RECEIVING
from gateway.keyring import KEYS
from gateway.trainings.queue import Trainings as Asked
from gateway.webhooks.deliveries import LOG_PREFIX
from gateway.webhooks.endpoints import ENDPOINT_PREFIX, ENDPOINTS_PREFIX
from gateway.webhooks.signing import SECRET_PREFIX
from monitoring.alerts import SILENCES, AlertBook
from monitoring.history.keeping import Erased
from monitoring.monitor import CURSOR
from monitoring.notices import ATTEMPTS, DUE, NoticeBook
from monitoring.retraining.handing import Handover
from monitoring.retraining.queue import Trainings
from tests.conftest import SERVERS, server_binary
from tests.scale.recorder import Recorder
from tests.scale.rules import Rules, called, rules, scripts
from tests.scale.secured import SERVICES, Secured, secured
from tests.scale.whole_path import whole_path
from trainer.work import Trial, schedule
from worker.registry import Version
from worker.shadow.ledger import Ledger, Pair
from worker.shadow.tally import Tally

#: The first test that asks for the whole path waits for twelve processes.
pytestmark = pytest.mark.timeout(400)

#: Who may touch which key, by its name in the contract. A new key needs a line here and in the rules.
OWNERS = {
    "PREDICTION_PREFIX": {"gateway", "worker"},
    "DOORBELL_PREFIX": {"gateway", "worker"},
    "BACKLOG_PREFIX": {"gateway", "worker"},
    "LEASES": {"worker"},
    "DEADLINES": {"gateway", "worker"},
    "OUTBOX": {"gateway", "worker", "monitoring"},
    "EVENTS": {"gateway", "worker", "monitoring"},
    "ALERTS": {"gateway", "monitoring"},
    "MONITORING_HEARTBEAT": {"monitoring"},
    "OVERVIEW": {"gateway", "monitoring"},
    "TRAINING_FEEDBACK_PREFIX": {"monitoring", "trainer"},
    "alert": {"gateway", "monitoring"},
    "results": {"gateway", "monitoring", "trainer", "tools"},
    "DELIVERY_PREFIX": {"gateway"},
    "OWNERS": {"gateway"},
    "CREATED_PREFIX": {"gateway"},
    "IDEMPOTENCY_PREFIX": {"gateway"},
    "QUOTA_PREFIX": {"gateway"},
    "BATCH_PREFIX": {"gateway", "worker"},
    "SUBSCRIBED_PREFIX": {"gateway", "worker", "monitoring"},
    "SHADOW_PREFIX": {"worker", "trainer"},
    "JOB_PREFIX": {"gateway", "worker", "monitoring", "trainer", "tools"},
    "QUEUE_PREFIX": {"gateway", "worker", "monitoring", "tools"},
    "QUEUES": {"gateway", "worker", "monitoring", "trainer", "tools"},
    "STARTED_PREFIX": {"worker", "tools"},
    "FINISHED_PREFIX": {"worker", "tools"},
    "FAILED_PREFIX": {"worker", "tools"},
    "WORKER_PREFIX": {"gateway", "worker", "monitoring", "trainer", "tools"},
    "WORKERS_PREFIX": {"gateway", "worker", "monitoring", "tools"},
}  # fmt: skip
BESIDE = {
    SECRET_PREFIX + "x": {"gateway"},
    ENDPOINT_PREFIX + "x": {"gateway"},
    ENDPOINTS_PREFIX + "x": {"gateway"},
    LOG_PREFIX + "x": {"gateway"},
    KEYS: {"gateway"},
    BATCHES_PREFIX + "x": {"gateway"},
    RECEIVING: {"gateway"},
    CURSOR: {"monitoring"},
    SILENCES: {"monitoring"},
    DUE: {"monitoring"},
    ATTEMPTS: {"monitoring"},
}
#: Sent only when the stream has lost entries that monitoring never saw, when people are told of an alert,
#: when a job waits at the moment of a look, and when a training is asked for.
RARE = {
    "monitoring": {
        "xlen", "xrevrange", "hget", "hsetnx", "hdel", "zrangebyscore",
        "info", "publish", "lrange", "lpush", "rpush", "lrem", "sadd", "zremrangebyscore",
    }
}  # fmt: skip
#: What nobody but the operator may send.
DANGEROUS = (
    ("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("MONITOR",), ("SCRIPT", "FLUSH"),
    ("CLIENT", "KILL", "TYPE", "normal"), ("SHUTDOWN", "NOSAVE"),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What a server had to say after everything was done once."""

    refusals: list
    sent: dict[str, set[str]]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Secured]]:
    """A server of each kind that this machine has."""
    with ExitStack() as stack:
        found = {}
        for kind in SERVERS:
            with suppress(pytest.skip.Exception):
                server_binary(kind)
                # Not tmp_path: a socket's path must stay under 108 bytes.
                folder = Path(tempfile.mkdtemp(prefix="barometer-"))
                found[kind] = stack.enter_context(secured(kind, folder))
        yield found


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, servers: dict[str, Secured]) -> Secured:
    return servers.get(request.param) or pytest.skip(f"no {request.param} server here")


@pytest.fixture(scope="module")
def all_told(
    servers: dict[str, Secured], mlflow: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Told]:
    """Everything done once on each server, on all at the same time: most of it is waiting for starts."""

    def tell(server: Secured) -> Told:
        folder = tmp_path_factory.mktemp("whole-path")
        with Recorder(server.operator) as recorder, whole_path(server, mlflow, folder) as path:
            path.predict()
            path.alert()
            path.train()
            path.look()
        return Told(server.refusals(), recorder.sent)

    with ThreadPoolExecutor(len(SERVERS)) as at_once:
        return dict(zip(map(id, servers.values()), at_once.map(tell, servers.values()), strict=True))


@pytest.fixture
def told(server: Secured, all_told: dict[int, Told]) -> Told:
    return all_told[id(server)]


def test_all_services_work_as_their_own_users_and_are_refused_nothing(told: Told) -> None:
    assert told.refusals == []
    # Whose connection it was is asked after the fact, when a tool may have hung up already.
    assert told.sent.keys() >= set(SERVICES)


def test_monitoring_may_tell_people_and_ask_for_trainings_and_rollbacks(server: Secured) -> None:
    with closing(Trainings(server.url("monitoring"))) as trainings, server.client("monitoring") as client:
        assert trainings.ask("m", {"data": "x"})
        assert trainings.cancel("m")
        for status in ("finished", "failed"):
            server.operator.hset("rq:job:retraining-m", "status", status)
            assert trainings.ask("m", {"data": "x"})
        assert [one.id for one in trainings.under_way()] == ["retraining-m"]
        Handover(client).hand("m", [Judged(id="p", owner="o", text="t", label="l")])
        assert Handover(client).withdraw("m", Erased.KEY, "o") == 1
        assert trainings.roll_back("m", "1", "it fails")
        notices = NoticeBook(client)
        notices.add(["slack-1"], "alert.fired", "a", 1.0)
        for notice in notices.due(2.0):
            notices.later(notice, 1.5)
            notices.done(notice)
        AlertBook(client).silence("latency", "", 0)
        assert AlertBook(client).silences() == {}
    assert server.refusals() == []


def test_a_worker_may_add_up_what_a_challenger_did_and_the_trainer_may_read_it_and_look_again_later(
    server: Secured,
) -> None:
    tally = Tally()
    tally.passed(10, 1.5)
    with server.client("worker") as worker, server.client("trainer") as trainer:
        Ledger(worker, "m", "worker-1").add(Pair("1", Version("2", "", 7)), tally)
        assert trainer.hgetall(keys.shadow("m", "1", "2", 7)) == {"seen": "10", "worker_s": "1.5"}
    server.operator.delete(keys.queue(TRAINING_QUEUE))
    trial = Trial("m", "2", "1", datetime.now(UTC))
    schedule(server.url("trainer"), trial, timedelta())
    with Redis.from_url(server.url("trainer")) as plain:
        # What RQ's worker does with a scheduler.
        scheduler = RQScheduler([TRAINING_QUEUE], connection=plain, serializer=JSONSerializer)
        assert scheduler.acquire_locks()
        scheduler.register_birth()
        scheduler.heartbeat()
        scheduler.enqueue_scheduled_jobs()
        scheduler.release_locks()
        scheduler.register_death()
        queue = Queue(TRAINING_QUEUE, connection=plain, serializer=JSONSerializer)
        assert queue.count == 1
        queue.empty()
    assert server.refusals() == []


async def test_the_gateway_may_ask_the_trainer_and_read_what_came_of_it(server: Secured) -> None:
    async with AsyncRedis.from_url(server.url("gateway"), decode_responses=True) as redis:
        asked = await Asked(redis).ask("trainer.jobs.promote", {}, "a promotion")
        server.operator.xadd(keys.results(asked.id), {"type": "1", "return_value": "bnVsbA=="})
        assert (await Asked(redis).training(asked.id)).status == "queued"
    server.operator.delete(keys.queue(TRAINING_QUEUE))
    assert server.refusals() == []


@pytest.mark.parametrize("user", ["gateway", "worker", "monitoring"])
def test_a_user_may_send_nothing_that_its_service_never_sends(told: Told, user: str) -> None:
    scripted = set().union(*map(called, scripts(user)))
    needed = told.sent[user] | scripted | RARE.get(user, set())
    assert {command for command in rules()[user].commands if command.partition("|")[0] not in needed} == set()


@pytest.mark.parametrize("user", ["gateway", "worker", "monitoring"])
def test_every_command_of_every_script_is_allowed(user: str) -> None:
    allowed = rules()[user].commands
    missing = {file.name: called(file) - allowed for file in scripts(user)}
    assert {name: commands for name, commands in missing.items() if commands} == {}


def test_every_key_of_the_contract_has_owners() -> None:
    functions = {
        name for name, _ in inspect.getmembers(keys, inspect.isfunction) if name not in prefixed_functions()
    }
    constants = {name for name, value in vars(keys).items() if name.isupper() and ":" in value}
    assert functions | constants == OWNERS.keys()


@pytest.mark.parametrize("user", [*SERVICES, "tools"])
def test_a_user_reaches_its_own_keys_and_is_refused_those_of_others(server: Secured, user: str) -> None:
    owners = {example(name): who for name, who in OWNERS.items()} | BESIDE
    with server.client(user) as client:
        reached = {key for key in owners if is_reached(client, key)}
    server.operator.acl_log_reset()
    assert reached == {key for key, who in owners.items() if user in who}


@pytest.mark.parametrize("user", [*SERVICES, "tools"])
def test_a_user_has_no_power_over_the_server(server: Secured, user: str) -> None:
    with server.client(user) as client:
        for command in DANGEROUS:
            with pytest.raises(NoPermissionError):
                client.execute_command(*command)
    server.operator.acl_log_reset()


def test_the_rules_hold_no_pattern_that_fits_no_key() -> None:
    """RQ has keys of its own that the contract does not name; under ``barometer:`` every key is ours."""
    known = [example(name) for name in OWNERS] + list(BESIDE)
    idle = {
        pattern
        for user in rules().values()
        for pattern in user.patterns
        if pattern.startswith("barometer:")
        and not any(Rules((pattern,), frozenset()).covers(key) for key in known)
    }
    assert idle == set()


def prefixed_functions() -> set[str]:
    """Functions whose keys begin with one of the prefixes, which stand for them."""
    prefixes = tuple(value for name, value in vars(keys).items() if name.endswith("_PREFIX"))
    functions = inspect.getmembers(keys, inspect.isfunction)
    return {name for name, function in functions if called_with_x(function).startswith(prefixes)}


def called_with_x(function: Callable[..., str]) -> str:
    return function(*"x" * len(inspect.signature(function).parameters))


def example(name: str) -> str:
    """A key of that name."""
    found = getattr(keys, name)
    return called_with_x(found) if callable(found) else found + "x" * name.endswith("_PREFIX")


def is_reached(client, key: str) -> bool:
    try:
        client.exists(key)
    except NoPermissionError:
        return False
    return True
