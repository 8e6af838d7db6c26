"""Whether the ledger balances. Pure: records in, verdict out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.chaos.ledger import Answered, Record, Sent, Sighting, Witness
from contract.states import TERMINAL

#: What a model says: (text number, version) to label.
Labels = Mapping[tuple[int, str], str]


class Breach(StrEnum):
    """What must never be seen, each a sentence about one prediction."""

    LOST = "accepted, and no terminal event in the stream"
    TWICE = "more than one terminal event in the stream"
    GONE = "cannot be read at the end, or has not ended"
    CHANGED = "two witnesses saw different ends"
    NO_WEBHOOK = "its webhook never came"
    WEBHOOK_IDS = "its webhook came under different ids"
    CROSSED = "another request's metadata"
    LABEL = "not the label that the model gives when called directly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Counts of what was done, and the predictions that break a promise."""

    sent: int
    accepted: int
    refused: int
    unanswered: int
    other_answers: Mapping[str, int]
    #: Ended in the stream, but the client never got an answer to its request.
    unacknowledged: int
    ends: Mapping[str, int]
    webhooks_expected: int
    webhooks_repeated: int
    second_attempts: int
    labels_compared: int
    breaches: Mapping[Breach, Sequence[str]] = field(default_factory=dict)
    #: The same, of predictions that the chosen durability does not promise to keep.
    excused: Mapping[Breach, Sequence[str]] = field(default_factory=dict)

    @property
    def balances(self) -> bool:
        """Whether every promise was kept, and no answer was other than promised."""
        return not any(self.breaches.values()) and not self.other_answers


def balance(
    records: Iterable[Record],
    labels: Labels,
    is_excused: Callable[[Sequence[float]], bool] = lambda _: False,
) -> Verdict:
    """Judge what was seen.

    Args:
        records: all lines of the ledger, in any order.
        labels: what the model says, for each text and version.
        is_excused: whether a prediction that was accepted and seen at these times (seconds since the epoch)
            need not have survived.
    """
    sent: dict[int, Sent] = {}
    answers: list[Answered] = []
    seen: dict[str, list[Sighting]] = defaultdict(list)
    for record in records:
        match record:
            case Sent():
                sent[record.n] = record
            case Answered():
                answers.append(record)
            case Sighting():
                seen[record.id].append(record)
    # Nobody calls the roll when a person was in a hurry.
    is_called = any(one.by == Witness.LAST for sightings in seen.values() for one in sightings)
    accepted = {answer.id: answer for answer in answers if answer.id}
    breaches: dict[Breach, list[str]] = {breach: [] for breach in Breach}
    excused: dict[Breach, list[str]] = {breach: [] for breach in Breach}
    for id in accepted.keys() | seen.keys():
        answer = accepted.get(id)
        request = sent[answer.n] if answer else None
        times = [sighting.at for sighting in seen[id]] + ([answer.at] if answer else [])
        to = excused if is_excused(times) else breaches
        for breach in _breaches(request, seen[id], labels, is_called=is_called):
            to[breach].append(id)

    statuses = Counter(answer.status for answer in answers if not answer.id)
    events = [
        sighting for sightings in seen.values() for sighting in sightings if sighting.by == Witness.EVENT
    ]
    hooks = Counter(s.id for sightings in seen.values() for s in sightings if s.by == Witness.WEBHOOK)
    return Verdict(
        sent=len(sent),
        accepted=len(accepted),
        refused=statuses.pop(503, 0),
        unanswered=statuses.pop(0, 0) + len(sent) - len(answers),
        other_answers={str(status): count for status, count in statuses.items()},
        unacknowledged=len({event.id for event in events} - accepted.keys()),
        ends=dict(Counter(event.status for event in events)),
        webhooks_expected=sum(sent[answer.n].webhook for answer in accepted.values()),
        webhooks_repeated=sum(count - 1 for count in hooks.values()),
        second_attempts=len({event.id for event in events if event.attempts > 1}),
        labels_compared=sum(
            (sent[accepted[event.id].n].text, event.version) in labels
            for event in events
            if event.id in accepted
        ),
        breaches=breaches,
        excused=excused,
    )


def _breaches(
    request: Sent | None, sightings: Sequence[Sighting], labels: Labels, *, is_called: bool
) -> Iterable[Breach]:
    """Yield what is wrong with one prediction; ``request`` is None where the client was never answered."""
    by: dict[Witness, list[Sighting]] = {witness: [] for witness in Witness}
    for sighting in sightings:
        by[sighting.by].append(sighting)
    if len(by[Witness.EVENT]) > 1:
        yield Breach.TWICE
    ended = [sighting for sighting in sightings if sighting.status in TERMINAL]
    if len({(one.status, one.version, one.label, one.attempts) for one in ended}) > 1:
        yield Breach.CHANGED
    if len({one.mark for one in by[Witness.WEBHOOK]}) > 1:
        yield Breach.WEBHOOK_IDS
    if request is None:
        return
    if not by[Witness.EVENT]:
        yield Breach.LOST
    if is_called and not any(one.status in TERMINAL for one in by[Witness.LAST]):
        yield Breach.GONE
    if request.webhook and not by[Witness.WEBHOOK]:
        yield Breach.NO_WEBHOOK
    if any(one.n not in (-1, request.n) for one in sightings):
        yield Breach.CROSSED
    if any(labels.get((request.text, one.version), one.label) != one.label for one in ended):
        yield Breach.LABEL
