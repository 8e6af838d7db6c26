"""The texts of predictions, looked up in Redis for an operator who wants them kept.

The events hold no text. So this is the one place of monitoring that reads a prediction's record, and where
each service has a Redis user of its own, the user needs to be allowed to (systemd/redis/users.acl says how).
"""

import json
import logging
from collections.abc import Sequence
from enum import Enum

import redis
from redis.exceptions import NoPermissionError

from contract import keys
from monitoring.history.rows import Row, Rows

log = logging.getLogger(__name__)


class Of(Enum):
    """Whose texts are kept."""

    ALL = "all"
    #: Of predictions that somebody gave the true label of: what a training can learn from, and no more.
    JUDGED = "judged"


class Texts:
    """Puts texts into rows. A record that is forgotten by now leaves its row without one."""

    def __init__(self, client: redis.Redis, of: Of = Of.ALL) -> None:
        self._client = client
        self._of = of
        self._is_refused = False

    def add(self, rows: Rows) -> None:
        """Fill in ``text``, or ``texts``. If Redis refuses, there is none, and the log says so once."""
        wanted = rows.predictions if self._of is Of.ALL else rows.feedback
        try:
            found = self._look_up(wanted)
        except NoPermissionError:
            if not self._is_refused:
                log.warning(
                    "history.texts_refused", extra={"reason": "the Redis user may not read predictions"}
                )
            self._is_refused = True
            return
        self._is_refused = False
        if self._of is Of.ALL:
            for row, text in zip(wanted, found, strict=True):
                row["text"] = text
        else:
            rows.texts += [
                {"id": row["id"], "text": text}
                for row, text in zip(wanted, found, strict=True)
                if text is not None
            ]

    def _look_up(self, rows: Sequence[Row]) -> list[str | None]:
        pipe = self._client.pipeline(transaction=False)
        for row in rows:
            pipe.hget(keys.prediction(row["id"]), "input")
        return [text_of(input) for input in (pipe.execute() if rows else [])]


def text_of(input: str | None) -> str | None:
    """Return the text in a record's input; None where there is none."""
    try:
        found = json.loads(input or "{}").get("text")
    except (ValueError, AttributeError):
        return None
    # PostgreSQL holds no NUL.
    return found.replace("\0", "") if isinstance(found, str) else None
