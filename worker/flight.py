"""Script calls that were sent and are not yet answered, so that Redis and this process work at the same time.

redis-py's own pipelines send and wait in one step; this is the same with the two apart. The only file that
handles a connection.
"""

from collections.abc import Sequence
from typing import Any

import redis
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError

Call = tuple[Script, Sequence[Any], Sequence[Any]]


class Flight:
    """Calls under way.

    Args:
        client: whose pool lends the connection.
        calls: script, keys and arguments of each; run by Redis in this order.

    Raises:
        redis.ConnectionError: they could not be sent.
    """

    def __init__(self, client: "Redis", calls: Sequence[Call]) -> None:
        self._client = client
        self._calls = calls
        connection: Any = client.connection_pool.get_connection()
        self._connection = connection
        commands = [("EVALSHA", script.sha, len(keys), *keys, *args) for script, keys, args in calls]
        try:
            connection.send_packed_command(connection.pack_commands(commands))
        except BaseException:
            self._give_up()
            client.connection_pool.release(connection)
            raise

    def arrive(self) -> list[Any]:
        """Return the answers, in order. To be called once.

        Raises:
            redis.RedisError: one of the calls failed, or nobody knows whether it arrived.
        """
        try:
            answers = [self._read() for _ in self._calls]
        except BaseException:
            self._give_up()
            raise
        finally:
            self._client.connection_pool.release(self._connection)
        for place, (script, keys, args) in enumerate(self._calls):
            if isinstance(answers[place], NoScriptError):
                # A Redis that was restarted or flushed. The call did not run, and a Script loads itself.
                answers[place] = script(keys=keys, args=args)
            elif isinstance(answers[place], redis.ResponseError):
                raise answers[place]
        return answers

    def _read(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return error

    def _give_up(self) -> None:
        """Whatever is still to come on this connection would be taken for the answer to another call."""
        self._connection.disconnect()
