"""Latencies as counts by size, so that those of two minutes can be added. Pure.

Buckets grow by a constant factor, and a percentile is given as the middle of its bucket: at most 5 % beside
the true one, whatever the distribution (Masson, Rim and Lee 2019, "DDSketch"). From 1 ms to a day there are
183 buckets, and a minute holds some twenty of them.
"""

from collections.abc import Mapping
from math import ceil, log

#: A percentile is at most this share above or below the true one.
RELATIVE_ERROR = 0.05
#: Shorter ones count as this long: nobody waits for less, and a clock may have jumped back.
SHORTEST_S = 1e-3

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = log(_GROWTH)


def bucket(seconds: float) -> int:
    """Return the number of a latency's bucket: ``n`` holds ``(GROWTH ** (n - 1), GROWTH ** n]`` seconds."""
    return ceil(log(max(seconds, SHORTEST_S)) / _LOG_GROWTH)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the latency in seconds that this share of those counted is not above; None of nothing.

    By nearest rank: it is in the bucket of a latency that was really seen.
    """
    rank = max(1, ceil(share * sum(counts.values())))
    for number in sorted(counts):
        rank -= counts[number]
        if rank <= 0:
            return 2 * _GROWTH**number / (_GROWTH + 1)
    return None
