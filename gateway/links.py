"""The addresses that an answer names, and the token by which one of them needs no key.

Browsers' ``EventSource`` and Replicate's JavaScript client follow ``urls.stream`` without a header. Where
there are keys, that address carries a token: an HMAC of the prediction's id under the stored hash of its
owner's key. It is good for this one stream, needs no place of its own, and ends with the key.
"""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

#: Bits of the HMAC that a token holds: as many as nobody guesses.
BITS = 128
_PATH = re.compile(r"/v1/predictions/([A-Za-z0-9_-]{1,64})/stream")
_QUERY = re.compile(rb"(?:.*&)?token=([a-z0-9]{8,12})\.([A-Za-z0-9_-]{22})(?:&.*)?")

#: The stored hash of a key that is good now, by its id.
Digests = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Links:
    """What addresses are made of: where the gateway is reached, and the hashes of keys."""

    base_url: str
    digests: Digests

    def prediction(self, id: str) -> str:
        """Return where a prediction is read."""
        return f"{self.base_url}/v1/predictions/{id}"

    def stream(self, id: str, owner: str) -> str:
        """Return where it is followed, by whoever has this address."""
        url = f"{self.prediction(id)}/stream"
        digest = self.digests(owner) if owner else None
        return f"{url}?token={owner}.{_token(digest, id)}" if digest else url


def owner_by_token(path: str, query: bytes, digests: Digests) -> str | None:
    """Return the owner whose token an address carries, if it is a stream's and the token is right."""
    place, said = _PATH.fullmatch(path), _QUERY.fullmatch(query)
    if not (place and said):
        return None
    owner = said[1].decode()
    digest = digests(owner)
    is_right = digest is not None and hmac.compare_digest(_token(digest, place[1]), said[2].decode())
    return owner if is_right else None


def _token(digest: bytes, id: str) -> str:
    mac = hmac.digest(digest, f"stream {id}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac[: BITS // 8]).decode().rstrip("=")
