"""``Prefer`` (RFC 7240): how long a client is willing to wait. Pure."""

import re
from datetime import timedelta

from gateway.errors import BadHeader

#: What ``Prefer: wait`` means without a number, and the most it can ask for.
LONGEST = timedelta(seconds=60)

_WAIT = re.compile(r'wait(?:\s*=\s*"?([^";,\s]*)"?)?', re.IGNORECASE)


def wait(header: str | None) -> timedelta | None:
    """Return how long to wait for a result, or None where the client did not ask.

    ``wait`` is ``LONGEST``, ``wait=n`` is n seconds, at most ``LONGEST``. Other preferences in the list are
    passed over, as RFC 7240 asks.

    Raises:
        BadHeader: n is not a whole number of seconds.
    """
    for preference in (header or "").split(","):
        matched = _WAIT.fullmatch(preference.strip())
        if matched is None:
            continue
        if matched[1] is None:
            return LONGEST
        if not re.fullmatch(r"[0-9]{1,9}", matched[1]):
            raise BadHeader("Prefer: wait takes a whole number of seconds, for example 'Prefer: wait=5'.")
        return min(timedelta(seconds=int(matched[1])), LONGEST)
    return None
