"""Creates that may be sent twice and count once: what names them, and what tells two of them apart. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.admission import Idempotency
from gateway.errors import BadHeader

#: A quoted string as RFC 8941 has it, or what most clients send: a bare word.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_BARE = re.compile(r"[!#-~]{1,255}")


def idempotency(header: str | None, owner: str, route: str, body: Mapping[str, Any]) -> Idempotency | None:
    """Return what makes a create unique, or None where the client did not ask for it.

    Args:
        header: ``Idempotency-Key``, a quoted string or a bare word.
        owner: whose key it is; two owners may use the same one.
        route: two routes may, too.
        body: what was asked, as parsed.

    Raises:
        BadHeader: the key is empty, longer than 255 characters, or not printable ASCII.
    """
    if header is None:
        return None
    quoted, bare = _QUOTED.fullmatch(header.strip()), _BARE.fullmatch(header.strip())
    if quoted:
        key = re.sub(r'\\(["\\])', r"\1", quoted[1])
    elif bare:
        key = bare[0]
    else:
        raise BadHeader("Idempotency-Key takes 1 to 255 printable ASCII characters, best a UUID.")
    return Idempotency(f"{owner}:{route}:{key}", fingerprint(body))


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical body: sorted keys, no spaces."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
