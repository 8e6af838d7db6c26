"""Streaming a batch's results: some hundred rows in memory at a time, compressed if the client likes."""

import re
import zlib
from collections.abc import AsyncIterator

from gateway.batches.rendering import result_line
from gateway.batches.store import Batches

#: Rows read in one round trip.
AT_ONCE = 500
#: Beyond it, a tenth less to send takes twice the time.
_LEVEL = 5
#: zlib's number for a gzip envelope around the largest window.
_GZIP = 16 + zlib.MAX_WBITS

_CODING = re.compile(r"\s*(gzip|x-gzip|\*)\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?", re.IGNORECASE)


async def lines(batches: Batches, id: str, rows: range, *, has_ended: bool) -> AsyncIterator[bytes]:
    """Give these rows of a batch as JSON lines, in order."""
    for begin in range(rows.start, rows.stop, AT_ONCE):
        found = await batches.results(id, range(begin, min(begin + AT_ONCE, rows.stop)))
        yield "".join(result_line(id, one, has_ended=has_ended) for one in found).encode()


async def compressed(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the parts in gzip; each can be read as soon as it arrives."""
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    async for part in parts:
        yield packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def accepts_gzip(header: str) -> bool:
    """Whether an ``Accept-Encoding`` takes gzip (RFC 9110, section 12.5.3)."""
    asked = (_CODING.fullmatch(coding) for coding in header.split(","))
    return any(matched[2] is None or matched[2].strip("0.") != "" for matched in asked if matched)
