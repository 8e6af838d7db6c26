"""The server around the application: it says that it is ready when the first client can reach it."""

import logging
import socket

import uvicorn

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn's server, which logs ``gateway.ready`` once its socket is bound.

    The application cannot: its start-up ends before the socket listens, and who read the line came too early.
    """

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        """Serve as uvicorn does.

        Args:
            config: what and where.
            url: where clients reach it, for the log.
        """
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        await super().startup(sockets)
        log.info("gateway.ready", extra={"url": self._url})
