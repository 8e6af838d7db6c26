"""What became of each text. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.overload.arrivals import Answer
from benchmarks.report import percentile

#: A cancellation this much before or after its deadline is on time.
TOLERANCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A terminal event; times are seconds since the epoch, by Redis' clock."""

    status: str
    created_at: float
    completed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Counts and milliseconds. ``others`` are answers that were not promised, by status; 0 is no answer.

    Of the accepted: ``in_time`` succeeded before its deadline, ``canceled`` was canceled at it, ``late`` did
    anything else, ``open`` did not end. ``span_s`` is from the first creation to the last end.
    """

    sent: int
    accepted: int
    refused: int
    without_retry_after: int
    others: Mapping[str, int]
    in_time: int
    canceled: int
    late: int
    open: int
    worst_late_s: float
    span_s: float
    accepted_ms: tuple[float, float]
    refused_ms: tuple[float, float]
    lag_p99_ms: float


def judge(answers: Sequence[Answer], ends: Mapping[str, End], deadline_s: float) -> Judgement:
    """Judge a whole run; the pairs are medians and 99th percentiles."""
    accepted = [answer for answer in answers if answer.id]
    refused = [answer for answer in answers if answer.status == 503]
    others = Counter(str(answer.status) for answer in answers if not answer.id and answer.status != 503)
    ended = [ends[answer.id] for answer in accepted if answer.id in ends]
    overdue = [end.completed_at - end.created_at - deadline_s for end in ended]
    fates = Counter(_fate(end.status, seconds) for end, seconds in zip(ended, overdue, strict=True))
    return Judgement(
        sent=len(answers),
        accepted=len(accepted),
        refused=len(refused),
        without_retry_after=sum(not answer.retry_after for answer in refused),
        others=dict(others),
        in_time=fates["in time"],
        canceled=fates["canceled"],
        late=fates["late"],
        open=len(accepted) - len(ended),
        worst_late_s=max(overdue, default=0.0),
        span_s=max((end.completed_at for end in ended), default=0.0)
        - min((end.created_at for end in ended), default=0.0),
        accepted_ms=_spread([answer.ms for answer in accepted]),
        refused_ms=_spread([answer.ms for answer in refused]),
        lag_p99_ms=_spread([answer.lag_ms for answer in answers])[1],
    )


def _fate(status: str, overdue_s: float) -> str:
    if status == "canceled":
        return "canceled" if abs(overdue_s) <= TOLERANCE_S else "late"
    return "in time" if overdue_s <= 0 else "late"


def _spread(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 0.0
    ordered = sorted(values)
    return percentile(ordered, 0.5), percentile(ordered, 0.99)
