"""Which user sent which commands: Redis' MONITOR, with names instead of addresses."""

import re
import threading
from typing import Self

from redis import Redis

#: ``1700000000.000000 [0 127.0.0.1:4711] "EVALSHA" ...``; a script's own commands say ``lua``.
LINE = re.compile(r'^[\d.]+ \[\d+ (?P<from>.+?)\] "(?P<command>\w+)"')


class Recorder:
    """Listens until stopped. A script's commands are those of whoever ran it: Redis shows them next."""

    def __init__(self, operator: Redis) -> None:
        self.sent: dict[str, set[str]] = {}
        self._operator = operator
        self._users: dict[str, str] = {}
        self._monitor = operator.monitor()
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._operator.ping()  # one more line, so that the thread looks up
        self._thread.join(10)
        self._monitor.__exit__(None, None, None)

    def _listen(self) -> None:
        user = ""
        while not self._stopping:
            line = self._monitor.connection.read_response()
            found = LINE.match(line)
            if found is None:
                continue
            if found["from"] != "lua":
                user = self._user(found["from"])
            self.sent.setdefault(user, set()).add(found["command"].lower())

    def _user(self, address: str) -> str:
        """Whose connection it is; nobody's if it has gone already."""
        if self._users.get(address, "default") == "default":
            # Before it has said its name, every connection is the default user's.
            self._users |= {client["addr"]: client["user"] for client in self._operator.client_list()}
        return self._users.setdefault(address, "")
