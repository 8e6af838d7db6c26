"""Connections of slow, silent and too many clients, which uvicorn would hold for ever.

A request's head and the first byte of its body must come in time, counted from the connection or from the
first byte after the answer before; the rest of the body is the reader's matter (``gateway.bodies``). A client
that does not read an answer is hung up on. Nothing here looks at what is sent.
"""

import asyncio
import json
import logging
import resource
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.edge import ALWAYS
from gateway.errors import BadHeader, GatewayError, HeadTooLarge, Overloaded, UploadTooSlow

log = logging.getLogger(__name__)

#: Bytes of a request's line and headers; what browsers and proxies send stays under 16 KiB.
HEAD_LIMIT = 2**16
#: How long a client may leave a full buffer unread, in seconds.
UNREAD_S = 60.0
#: How long a stopping gateway answers on connections that were idle, in seconds: a request may be on its way.
LEAVING_S = 1.0
#: File descriptors for Redis, webhooks, logs and Python itself.
_OTHER_FILES = 200


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request's head may take, in seconds, and how many connections there may be."""

    head_s: float
    connections: int


def room(wanted: int) -> int:
    """Raise this process' limit of open files for so many connections; return how many it will hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, soft - _OTHER_FILES)
    return wanted


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with bounds.

    Args:
        patience: the bounds.
        arguments: uvicorn's own.
    """

    def __init__(self, *, patience: Patience, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._patience = patience
        #: Runs while the client has the word: until its request has come, or the first byte of its body.
        self._silence: asyncio.TimerHandle | None = None
        #: Runs while an answer is not read.
        self._unread: asyncio.TimerHandle | None = None
        self._has_come = False
        #: Bytes of a head that is not complete; None between heads.
        self._head: int | None = None
        #: The next answer is the last one.
        self._is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or refuse one connection too many."""
        super().connection_made(transport)
        if len(self.connections) > self._patience.connections:
            self._refuse(Overloaded("There are too many connections. Try again shortly."))
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._wait_no_more()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the time runs from the first byte of a request, not anew with each."""
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                self._refuse(HeadTooLarge(f"The head of the request is larger than {HEAD_LIMIT} bytes."))
        if self._silence is None and not self._has_come and not self.transport.is_closing():
            self._wait()

    def on_message_begin(self) -> None:
        """Count the head from here."""
        super().on_message_begin()
        self._has_come, self._head = False, 0

    def on_headers_complete(self) -> None:
        """Count the head no further."""
        self._head = None
        super().on_headers_complete()
        if self._is_leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Leave the rest of the body to whoever reads it; nobody does once it is answered."""
        super().on_body(body)
        self._come()

    def on_message_complete(self) -> None:
        """Wait no more: it is the gateway's turn."""
        super().on_message_complete()
        self._come()

    def on_response_complete(self) -> None:
        """Begin anew."""
        self._has_come = False
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def shutdown(self) -> None:
        """End after the answer in hand; where there is none, give a request that is on its way a moment.

        Hung up at once, a client that has just sent on a kept connection sees a reset and not an answer.
        """
        self._is_leaving = True
        if self._is_idle():
            self.loop.call_later(LEAVING_S, self._leave)
        else:
            super().shutdown()

    def _leave(self) -> None:
        # A head that has begun to come has its own patience.
        if self._is_idle() and self._head is None:
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as every other error is answered."""
        self._refuse(BadHeader(msg))

    def _come(self) -> None:
        if not self.cycle.response_complete:
            self._has_come = True
            self._wait_no_more()

    def _wait(self) -> None:
        self._silence = self.loop.call_later(self._patience.head_s, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _too_slow(self) -> None:
        self._silence = None
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and not self.cycle.more_body:
            return  # the next request is late, but this one is not: the end of its answer begins anew
        log.debug("connection.slow")
        self._refuse(UploadTooSlow("The request did not come in time."))

    def _refuse(self, error: GatewayError) -> None:
        """Answer without a request, and hang up."""
        self._wait_no_more()
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
            # Whoever answers learns that the client has gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (is_answering and self.cycle.response_started):
            self.transport.write(_answer(error))
        self.transport.close()


def _answer(error: GatewayError) -> bytes:
    problem = {
        "type": "about:blank", "title": error.title, "status": error.status, "detail": error.detail,
        "instance": "", "code": error.code, "errors": [],
    }  # fmt: skip
    body = json.dumps(problem).encode()
    head = [
        f"HTTP/1.1 {error.status} {error.title}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        *(f"{name.decode()}: {value.decode()}" for name, value in ALWAYS),
        *(f"{name}: {value}" for name, value in {**error.headers, "Connection": "close"}.items()),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
