"""Times as counts by size, so that those of two minutes or of two workers can be added. Pure.

Buckets grow by a tenth, and a quantile is given as the geometric middle of its bucket: at most 5 % beside the
true one, whatever the distribution (after Masson, Rim and Lee 2019, "DDSketch"). From 1 ms to a day there are
193 buckets, and a minute holds some twenty of them.
"""

from collections.abc import Mapping
from math import ceil, log

#: A quantile is at most this share above or below the true one.
RELATIVE_ERROR = 0.05
#: Below this all times are one.
SHORTEST_S = 1e-6

#: Its root is less than RELATIVE_ERROR above one.
_GROWTH = 1.1
_LOG_GROWTH = log(_GROWTH)


def bucket(seconds: float) -> int:
    """Return the number of a time's bucket: ``n`` holds ``(GROWTH ** (n - 1), GROWTH ** n]`` seconds."""
    return ceil(log(max(seconds, SHORTEST_S)) / _LOG_GROWTH)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the time in seconds that this share of those counted is not above; None of nothing.

    By nearest rank: it is in the bucket of a time that was really seen.
    """
    rank = max(1, ceil(share * sum(counts.values())))
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return float(_GROWTH ** (number - 0.5))
    return None
