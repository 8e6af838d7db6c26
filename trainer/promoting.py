"""From a version that has passed the gate to the one that serves: at once, by hand, or by way of the shadow.

The order of the steps; what the sums of the shadow mean is ``shadow_gate``'s.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from contract import keys
from contract.registry import CHALLENGER, CHAMPION
from contract.shadow import Shadow
from trainer.errors import PromotionRefused, QueueUnavailable
from trainer.families.family import AS_USUAL, Progress
from trainer.judging import limits_of
from trainer.registry import Registry
from trainer.settings import Settings
from trainer.shadow_gate import Bounds, Judgement, Stage, judge
from trainer.training import Outcome, Request
from trainer.training import train as run_training
from trainer.work import Trial, schedule

#: The longest pause between two looks at what the shadow has brought.
LOOK = timedelta(seconds=30)
#: Looks within the time that a version has, where that time is short.
LOOKS = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shadows:
    """Where workers add up what challengers did: Redis."""

    url: str

    def read(self, registry: Registry, champion: str, challenger: str) -> Shadow | None:
        """Return the sums of a pair; None where there are none.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        registered_ms = registry.version(challenger).registered_ms
        key = keys.shadow(registry.model, champion, challenger, registered_ms)
        try:
            with Redis.from_url(self.url, decode_responses=True) as redis:
                found = cast("dict[str, str]", redis.hgetall(key))
        except RedisError as error:
            raise QueueUnavailable("Redis does not answer: start it, or set REDIS_URL") from error
        return Shadow.from_hash(found) if found else None


def bounds_of(settings: Settings) -> Bounds:
    """Return the bounds as the operator has set them."""
    return Bounds(
        texts=settings.shadow or Bounds().texts,
        agreement=settings.shadow_agreement,
        shift=settings.shadow_shift,
        p95_s=settings.gate_p99.total_seconds(),
    )


def train(
    request: Request,
    registry: Registry,
    settings: Settings,
    step: Callable[[str], None],
    progress: Progress = AS_USUAL.progress,
) -> Outcome:
    """Train, and let what passed the gate serve: at once, or after its time in the shadow if that is wanted.

    Raises:
        TrainerError: as for ``training.train``; QueueUnavailable where the shadow cannot be waited for.
    """
    champion = registry.aliases().get(CHAMPION)
    is_tried = bool(request.promote and settings.shadow and champion)
    if is_tried:
        request = replace(request, promote=False)
    outcome = run_training(request, registry, limits_of(settings), step, progress)
    if is_tried and outcome.verdict.passed:
        until = datetime.now(UTC) + settings.shadow_period
        trial = Trial(request.model, outcome.version, str(champion), until)
        schedule(settings.redis_url, trial, look_after(settings))
        _log.info("shadow.awaited", extra={"model": trial.model, "version": trial.version, "until": until})
    return outcome


def require_passed(registry: Registry, number: str) -> None:
    """Refuse a version that the gate has not passed.

    Raises:
        BadRequest: there is no such version.
        PromotionRefused: it was not passed, and why.
    """
    candidate = registry.version(number)
    if candidate.gate != "passed":
        said = "; ".join(candidate.gate_reasons) or "it has not been judged"
        raise PromotionRefused(
            f"the gate has not passed version {number}: {said}. "
            f"'python -m trainer promote {number} --force --reason WHY' overrides"
        )


def promote(
    registry: Registry, number: str, settings: Settings, *, by: str, why: str, without_shadow: str
) -> None:
    """Let a version serve if the gate passed it and it did well in the shadow, or the operator says why not.

    Raises:
        BadRequest: there is no such version.
        PromotionRefused: it did not, or not yet.
        QueueUnavailable: Redis, where that is written, does not answer.
    """
    require_passed(registry, number)
    champion = registry.aliases().get(CHAMPION)
    if champion in (None, number):
        registry.promote(number, by=by, why=why or "the gate had passed it")
        return
    if without_shadow:
        registry.promote(number, by=by, why=f"without a shadow: {without_shadow}")
        return
    judgement = _judged(registry, number, champion, settings)
    if judgement.stage is Stage.WAITING:
        raise PromotionRefused(f"{judgement.reasons[0]}. {_advice(registry, number)}")
    _conclude(registry, number, judgement, by=by, why=why)
    if judgement.stage is Stage.REFUSED:
        raise PromotionRefused(f"version {number} did not do well in the shadow: {judgement.reasons[0]}")


def conclude(registry: Registry, trial: Trial, settings: Settings) -> Judgement | None:
    """Judge a version in its shadow, and let it serve if it did well; None if nobody asks any more.

    ``WAITING`` means that another look is scheduled. When its time is over, what is missing refuses it.
    """
    aliases = registry.aliases()
    if aliases.get(CHALLENGER) != trial.version:
        return None
    judgement = _judged(registry, trial.version, trial.champion, settings)
    if aliases.get(CHAMPION) != trial.champion:
        judgement = Judgement(Stage.REFUSED, ("the champion changed while this version was in its shadow",))
    elif judgement.stage is Stage.WAITING and datetime.now(UTC) >= trial.until:
        judgement = Judgement(Stage.REFUSED, (f"{judgement.reasons[0]}, and the time for it is over",))
    if judgement.stage is Stage.WAITING:
        schedule(settings.redis_url, trial, look_after(settings))
        return judgement
    _conclude(registry, trial.version, judgement, by="gate", why="")
    return judgement


def look_after(settings: Settings) -> timedelta:
    """Return the pause before the next look."""
    return min(LOOK, settings.shadow_period / LOOKS)


def _judged(registry: Registry, number: str, champion: str, settings: Settings) -> Judgement:
    found = Shadows(settings.redis_url).read(registry, champion, number)
    judgement = judge(found, bounds_of(settings))
    if found is not None and judgement.stage is not Stage.WAITING:
        registry.store_shadow(number, asdict(found))
    return judgement


def _conclude(registry: Registry, number: str, judgement: Judgement, *, by: str, why: str) -> None:
    """Write the judgement on the version, and move the aliases that follow from it."""
    registry.store_judgement(number, judgement)
    said = "; ".join(judgement.reasons)
    if judgement.stage is Stage.PASSED:
        registry.promote(number, by=by, why=why or said)
    else:
        registry.withdraw(number, by=by, why=said)


def _advice(registry: Registry, number: str) -> str:
    if registry.aliases().get(CHALLENGER) != number:
        return (
            f"'python -m trainer challenge {number}' has workers score a share of the texts with it; "
            "--without-shadow WHY promotes it untried"
        )
    return (
        "Workers add to it as texts come: wait, raise their WORKER_SHADOW, or --without-shadow WHY promotes "
        "it untried"
    )
