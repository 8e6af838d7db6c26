"""``Prefer`` as RFC 7240 writes it."""

import pytest

from gateway.errors import BadHeader
from gateway.preferences import wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("respond-async", None), ("waiting=5", None), ("await", None),
        ("wait", 60), ("WAIT", 60), ("wait=5", 5), ("wait = 5", 5), ('wait="5"', 5), ("wait=0", 0),
        ("wait=600", 60), ("respond-async, wait=5", 5), ("wait=5; foo=bar, x", None), ("x, wait", 60),
    ],
)  # fmt: skip
def test_reads_how_long_to_wait(header: str | None, seconds: int | None) -> None:
    found = wait(header)
    assert (found.total_seconds() if found is not None else None) == seconds


@pytest.mark.parametrize("header", ["wait=soon", "wait=-1", "wait=1.5", "wait=", "x, wait=٣"])
def test_a_number_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(BadHeader):
        wait(header)
