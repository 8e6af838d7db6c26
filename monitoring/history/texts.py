"""The texts of predictions, looked up in Redis for an operator who wants them kept.

The events hold no text. So this is the one place of monitoring that reads a prediction's record, and where
each service has a Redis user of its own, the user needs to be allowed to (systemd/redis/users.acl says how).
"""

import json
import logging
from collections.abc import Sequence

import redis
from redis.exceptions import NoPermissionError

from contract import keys
from monitoring.history.rows import Row

log = logging.getLogger(__name__)


class Texts:
    """Puts texts into rows. A record that is forgotten by now leaves its row without one."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._is_refused = False

    def add(self, rows: Sequence[Row]) -> None:
        """Fill in ``text``. If Redis refuses, the rows are kept without, and the log says so once."""
        pipe = self._client.pipeline(transaction=False)
        for row in rows:
            pipe.hget(keys.prediction(row["id"]), "input")
        try:
            inputs = pipe.execute() if rows else []
        except NoPermissionError:
            if not self._is_refused:
                log.warning(
                    "history.texts_refused", extra={"reason": "the Redis user may not read predictions"}
                )
            self._is_refused = True
            return
        self._is_refused = False
        for row, input in zip(rows, inputs, strict=True):
            row["text"] = text_of(input)


def text_of(input: str | None) -> str | None:
    """Return the text in a record's input; None where there is none."""
    try:
        found = json.loads(input or "{}").get("text")
    except (ValueError, AttributeError):
        return None
    # PostgreSQL holds no NUL.
    return found.replace("\0", "") if isinstance(found, str) else None
