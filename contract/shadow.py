"""What a challenger did beside the champion: sums that workers add up in Redis, and that the gate reads.

One hash for each pair of versions at ``keys.shadow``. Workers only ever add (``HINCRBY``,
``HINCRBYFLOAT``), so any number of them share it without a lock. No text,
no id of a prediction, nothing of a single answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

#: How long the sums can be read after the last of them.
KEPT = timedelta(days=7)

#: Texts that the champion answered while the challenger was ready, compared or not.
SEEN = "seen"
#: Seconds for which a challenger was ready beside a worker, all workers together.
WORKER_S = "worker_s"
#: Texts that both answered, and those of them with the same label.
COMPARED, AGREED = "compared", "agreed"
#: Sum of the absolute differences of the probability of the champion's label.
APART = "apart"
#: Texts on which the challenger raised.
ERRORS = "errors"
#: Seconds of processor time that the challenger took for all that were compared.
SPENT_S = "spent_s"
#: Each followed by a label or by the number of a bucket.
CHAMPION_LABEL, CHALLENGER_LABEL = "champion:", "challenger:"
CHAMPION_TIME, CHALLENGER_TIME = "champion_s:", "challenger_s:"
#: Followed by a word: why a worker has given the challenger up.
BROKEN = "broken:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The sums. Times are of one text, by bucket of ``contract.latencies``.

    The champion's is a text's part of its batch.
    """

    seen: int = 0
    worker_s: float = 0.0
    compared: int = 0
    agreed: int = 0
    apart: float = 0.0
    errors: int = 0
    spent_s: float = 0.0
    champion_labels: Mapping[str, int]
    challenger_labels: Mapping[str, int]
    champion_times: Mapping[int, int]
    challenger_times: Mapping[int, int]
    broken: Mapping[str, int]

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> Self:
        """Read the hash; fields it does not know are ignored."""
        return cls(
            seen=int(fields.get(SEEN, 0)),
            worker_s=float(fields.get(WORKER_S, 0)),
            compared=int(fields.get(COMPARED, 0)),
            agreed=int(fields.get(AGREED, 0)),
            apart=float(fields.get(APART, 0)),
            errors=int(fields.get(ERRORS, 0)),
            spent_s=float(fields.get(SPENT_S, 0)),
            champion_labels=_counts(fields, CHAMPION_LABEL),
            challenger_labels=_counts(fields, CHALLENGER_LABEL),
            champion_times={int(place): n for place, n in _counts(fields, CHAMPION_TIME).items()},
            challenger_times={int(place): n for place, n in _counts(fields, CHALLENGER_TIME).items()},
            broken=_counts(fields, BROKEN),
        )


def _counts(fields: Mapping[str, str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): int(n) for name, n in fields.items() if name.startswith(prefix)}
