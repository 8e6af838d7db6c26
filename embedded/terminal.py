"""Where all lines meet: the launcher's stderr, one readable line after the other."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from embedded.rendering import render


@dataclass(frozen=True, slots=True)
class Terminal:
    """Writes lines of any part to one stream."""

    stream: TextIO
    has_colour: bool

    @classmethod
    def on(cls, stream: TextIO, environment: Mapping[str, str]) -> "Terminal":
        """Return a terminal with colours if the stream is one and NO_COLOR is not set (no-color.org)."""
        return cls(stream, stream.isatty() and not environment.get("NO_COLOR"))

    def show(self, part: str, line: str) -> None:
        """Write one line that the part wrote."""
        # A terminal that was closed must not stop the services, nor their orderly end.
        with contextlib.suppress(OSError):
            self.stream.write(render(part, line, colour=self.has_colour) + "\n")
            self.stream.flush()
