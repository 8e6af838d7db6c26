"""What people said of predictions, on its way from the history to a training.

It waits in Redis and not in a file: monitoring and trainer are different users, perhaps on different hosts.
It holds texts, so it stays for a day at most, the trainer deletes it when it has learnt from it, and what is
erased from the history is taken out here too.
"""

import json
from collections.abc import Iterable, Sequence

import redis

from contract import keys
from contract.jobs import FEEDBACK_WAITS, Judged
from monitoring.history.keeping import Erased

#: What is handed over at most, the newest: fifteen megabytes of reviews.
MOST = 50_000


class Handover:
    """The feedback that waits for a training. Methods raise redis.RedisError while Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def hand(self, model: str, rows: Sequence[Judged]) -> None:
        """Put the rows where the next training of the model finds them, in place of what waits there."""
        self._client.set(keys.training_feedback(model), _lines(rows), ex=FEEDBACK_WAITS)

    def withdraw(self, model: str, kind: Erased, subject: str) -> int:
        """Take out one prediction, or all of one API key; return how many rows."""
        key = keys.training_feedback(model)
        content = str(self._client.get(key) or "")
        rows: list[Judged] = [json.loads(line) for line in content.split("\n") if line]
        left = [row for row in rows if subject != (row["id"] if kind is Erased.PREDICTION else row["owner"])]
        if len(left) < len(rows):
            # Only if it still waits: a trainer may have taken it between the two calls.
            self._client.set(key, _lines(left), xx=True, keepttl=True)
        return len(rows) - len(left)


def _lines(rows: Iterable[Judged]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
