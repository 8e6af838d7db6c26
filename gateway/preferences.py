"""How long a client waits: ``Prefer`` (RFC 7240) for the answer, ``Cancel-After`` for the result. Pure."""

import re
from datetime import timedelta

from gateway.errors import BadHeader

#: What ``Prefer: wait`` means without a number, and the most it can ask for.
LONGEST = timedelta(seconds=60)

#: What ``Cancel-After`` can ask for; a prediction is kept no longer.
_LEAST, _MOST = timedelta(seconds=1), timedelta(hours=24)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}

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


def cancel_after(header: str | None) -> timedelta | None:
    """Return how long a prediction may take before it is canceled, or None where the client did not ask.

    ``30s``, ``5m`` or ``1h``, from one second to 24 hours (the syntax of Replicate's header).

    Raises:
        BadHeader: it is something else.
    """
    if header is None:
        return None
    matched = re.fullmatch(r"([0-9]{1,6})([smh])", header.strip())
    asked = int(matched[1]) * _UNITS[matched[2]] if matched else timedelta()
    if not _LEAST <= asked <= _MOST:
        raise BadHeader("Cancel-After takes 1s to 24h in seconds, minutes or hours: '30s', '5m' or '1h'.")
    return asked
