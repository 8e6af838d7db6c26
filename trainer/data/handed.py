"""Feedback that monitoring hands over with a training: it lies in Redis, as ``contract.jobs.Judged`` says.

Read when the training begins, and deleted once a version has learnt from it. A training that fails leaves it
where it is, to be tried again, until Redis forgets it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from contract import keys
from trainer.data.files import Columns, File, read_lines
from trainer.errors import BadData, QueueUnavailable

NAME = "feedback"


@contextmanager
def handed(redis_url: str, model: str) -> Iterator[File]:
    """Yield what waits for a training of the model; it is deleted if the block ends well.

    Raises:
        BadData: nothing waits any more.
        QueueUnavailable: Redis does not answer.
    """
    key = keys.training_feedback(model)
    try:
        with Redis.from_url(redis_url) as connection:
            content: bytes | None = connection.get(key)
            if content is None:
                raise BadData("the feedback to learn from has waited too long and is gone: ask again")
            yield read_lines(NAME, content, Columns())
            connection.delete(key)
    except RedisError as error:
        raise QueueUnavailable("Redis does not answer: the feedback lies there") from error
