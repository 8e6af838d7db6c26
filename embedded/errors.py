"""What can keep Barometer from running on this machine.

EmbeddedError      one sentence on stderr, exit code 1
├── Refused        something outside must change first; nothing was started
└── PartFailed     a part did not come up, or kept dying; everything is stopped again
"""

from collections.abc import Sequence


class EmbeddedError(Exception):
    """The root of what the launcher raises. Its text is a sentence that says what to do."""


class Refused(EmbeddedError):
    """A port, the data folder, the settings or a program is not as it must be."""


class PartFailed(EmbeddedError):
    """A part cannot be kept running.

    ``tail`` holds the last lines of a log file that the user has not seen on the terminal.
    """

    def __init__(self, sentence: str, tail: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.tail = tuple(tail)
