"""One row of a batch: what a client may write there, and what is wrong with it. Pure.

A wrong row fails by itself: the others run. Codes are stable; the sentences quote nothing of the row.
"""

import json
import re
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any

#: Why a row never reaches the queue. The model's own ``text_too_long`` (``truncate=false``) means the same.
REFUSALS = {
    "malformed": "The row cannot be read: it is not JSON, or not UTF-8, or longer than any text may be.",
    "invalid_row": "A row is a text, or an object with 'text' and perhaps 'id' and 'metadata'.",
    "empty_text": "The text is empty.",
    "unreadable_text": "The text contains NUL, bytes that are not UTF-8, or half of a surrogate pair.",
    "text_too_long": "The text is longer than this service takes.",
}

#: Longest id that a client may give a row.
LONGEST_ID = 200
#: What UTF-8 and Redis cannot hold; bytes that were not UTF-8 arrive here as lone surrogates.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_FIELDS = frozenset({"text", "id", "metadata"})
#: Made once: json.dumps with options makes a new encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read: a text to predict, or the code of a refusal.

    Args:
        text: what the model reads; empty where the row is refused.
        client_id: the client's own id of the row as JSON, or empty.
        metadata: the client's own words as JSON, or empty.
        refusal: a key of ``REFUSALS``, or empty.
    """

    text: str = ""
    client_id: str = ""
    metadata: str = ""
    refusal: str = ""

    @property
    def size(self) -> int:
        """Characters that it holds in memory."""
        return len(self.text) + len(self.metadata)


MALFORMED = Row(refusal="malformed")
_INVALID = Row(refusal="invalid_row")


def read(value: Any, text_limit: int) -> Row:
    """Return the row that a JSON value is: a string, or an object.

    Args:
        value: as parsed.
        text_limit: the longest text, in characters.
    """
    if isinstance(value, str):
        return _checked(value, "", "", text_limit)
    if not isinstance(value, dict) or not value.keys() <= _FIELDS:
        return _INVALID
    text, metadata = value.get("text"), value.get("metadata")
    client_id = _client_id(value.get("id"))
    if not isinstance(text, str) or client_id is None:
        return _INVALID
    if metadata is None:
        return _checked(text, client_id, "", text_limit)
    said = _encode(metadata)
    if not isinstance(metadata, dict) or _UNSTORABLE.search(said):
        return Row("", client_id, "", "invalid_row")
    return _checked(text, client_id, said, text_limit)


def _checked(text: str, client_id: str, metadata: str, text_limit: int) -> Row:
    if refusal := _fault(text, text_limit):
        return Row("", client_id, "", refusal)
    return Row(text, client_id, metadata)


def _fault(text: str, text_limit: int) -> str:
    """Return what is wrong with a text, or nothing."""
    if len(text) > text_limit:
        return "text_too_long"
    if _UNSTORABLE.search(text):
        return "unreadable_text"
    return "" if text.strip() else "empty_text"


def _client_id(given: Any) -> str | None:
    """Return a row's id as JSON, empty where there is none; None if it cannot be one."""
    if given is None:
        return ""
    if isinstance(given, str) and len(given) <= LONGEST_ID and not _UNSTORABLE.search(given):
        return quoted(given)
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < 10**18:
        return str(given)
    return None
