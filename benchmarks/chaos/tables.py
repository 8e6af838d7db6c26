"""The verdict and the timeline as tables and plot."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import plot, report
from benchmarks.chaos.balance import Breach, Verdict
from benchmarks.chaos.faults import Strike
from benchmarks.chaos.ledger import Answered, Record, Sighting, Witness


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """``next_s``: seconds from the strike to the next completed prediction; None if none came.

    ``last_s``: until the last of those accepted and open at the strike had ended; 0 if none was open.
    """

    strike: Strike
    next_s: float | None
    last_s: float


def recoveries(strikes: Iterable[Strike], records: Iterable[Record]) -> list[Recovery]:
    """Return what each strike cost."""
    accepted: dict[str, float] = {}
    ended: dict[str, float] = {}
    for record in records:
        if isinstance(record, Answered) and record.id:
            accepted[record.id] = record.at
        elif isinstance(record, Sighting) and record.by == Witness.EVENT:
            ended.setdefault(record.id, record.at)
    ends = sorted(ended.values())
    spans = [(accepted[id], at) for id, at in ended.items() if id in accepted]
    found = []
    for strike in strikes:
        later = bisect_right(ends, strike.at)
        next_s = ends[later] - strike.at if later < len(ends) else None
        last_s = max((end - strike.at for begin, end in spans if begin <= strike.at < end), default=0.0)
        found.append(Recovery(strike=strike, next_s=next_s, last_s=last_s))
    return found


def ledger_table(verdict: Verdict, leftovers: Mapping[str, int], alerts_twice: int) -> str:
    """Return what was done, then one line for each promise."""
    ends = ", ".join(f"{count:,} {status}" for status, count in sorted(verdict.ends.items()))
    rows = [
        ["sent", f"{verdict.sent:,}"],
        ["accepted", f"{verdict.accepted:,}"],
        ["refused with 503", f"{verdict.refused:,}"],
        ["no answer (connection refused or cut)", f"{verdict.unanswered:,}"],
        ["terminal events", ends or "0"],
        ["of these without an answer to the client", f"{verdict.unacknowledged:,}"],
        ["ended at a second or third attempt", f"{verdict.second_attempts:,}"],
        ["labels compared with the model called directly", f"{verdict.labels_compared:,}"],
        ["webhooks wanted", f"{verdict.webhooks_expected:,}"],
        ["webhooks delivered once more, same id", f"{verdict.webhooks_repeated:,}"],
        *([f"answer {status}", f"{count:,} !"] for status, count in verdict.other_answers.items()),
        *([f"BROKEN: {breach}", f"{len(verdict.breaches[breach]):,}"] for breach in Breach),
        *(
            [f"lost by fsync everysec: {breach}", f"{len(ids):,}"]
            for breach, ids in verdict.excused.items()
            if ids
        ),
        ["BROKEN: an alert fired twice", f"{alerts_twice:,}"],
        *([f"BROKEN: left at the end: {name}", f"{count:,}"] for name, count in leftovers.items()),
    ]
    return report.table(["ledger", "predictions"], rows)


def strikes_table(found: Iterable[Recovery]) -> str:
    """Return one line for each kind of strike."""
    groups: dict[tuple[str, str], list[Recovery]] = defaultdict(list)
    for one in found:
        if one.strike.is_done:
            groups[one.strike.service, one.strike.kind].append(one)
    rows = []
    for (service, kind), group in sorted(groups.items()):
        held = [one.strike.held for one in group if one.strike.held is not None]
        nexts = sorted(one.next_s for one in group if one.next_s is not None)
        rows.append([
            f"{service}, {kind}",
            str(len(group)),
            str(sum(held)) if held else "",
            f"{median(nexts):.2f}" if nexts else "-",
            f"{nexts[-1]:.2f}" if len(nexts) == len(group) else "never",
            f"{max(one.last_s for one in group):.1f}",
        ])  # fmt: skip
    head = [
        "struck", "times", "predictions in its hands", "s to the next completed, median", "worst",
        "s to the last of those then open, worst",
    ]  # fmt: skip
    return report.table(head, rows)


def draw(found: Sequence[Recovery], records: Iterable[Record], begun: float, file: Path) -> None:
    """Draw the predictions completed each second, and the strikes."""
    seconds = Counter(
        int(record.at - begun)
        for record in records
        if isinstance(record, Sighting) and record.by == Witness.EVENT
    )
    points = [(float(second), float(seconds[second])) for second in range(max(seconds, default=0) + 1)]
    marks = [plot.Mark(one.strike.at - begun, one.strike.service) for one in found if one.strike.is_done]
    title = "Predictions completed under random strikes"
    plot.timeline(title, "completed per second", {"completed": points}, file, marks)
