"""Where the comparisons go: sums for the gate, an event for everybody else. The only file here with Redis."""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from contract import WIRE_VERSION, keys
from contract.events import EVENTS_KEPT, EventType
from contract.shadow import KEPT
from worker.registry import Version
from worker.shadow.tally import Tally


@dataclass(frozen=True, slots=True)
class Pair:
    """Who is compared: the number of the version that serves, and the one that waits."""

    champion: str
    challenger: Version


class Ledger:
    """The sums of one model, in the name of one worker."""

    def __init__(self, redis: "Redis", model: str, worker: str) -> None:
        self._redis = redis
        self._model = model
        self._worker = worker

    def add(self, pair: Pair, tally: Tally) -> None:
        """Add the tally to the sums of its pair, and tell of it. An answer that is lost means twice.

        Raises:
            redis.RedisError: Redis did not take it, or nobody knows.
        """
        challenger = pair.challenger
        key = keys.shadow(self._model, pair.champion, challenger.number, challenger.registered_ms)
        event: dict[Any, Any] = {
            "v": str(WIRE_VERSION),
            "type": EventType.MODEL_SHADOWED,
            "model": self._model,
            "champion": pair.champion,
            "version": challenger.number,
            "worker": self._worker,
            **tally.event(),
        }
        with self._redis.pipeline() as pipeline:
            for name, amount in tally.additions().items():
                if isinstance(amount, int):
                    pipeline.hincrby(key, name, amount)
                else:
                    pipeline.hincrbyfloat(key, name, amount)
            pipeline.expire(key, KEPT)
            pipeline.xadd(keys.EVENTS, event, maxlen=EVENTS_KEPT, approximate=True)
            pipeline.execute()
