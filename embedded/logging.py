"""The launcher's own events, shown in the same log as those of its services."""

import logging.config

from pythonjsonlogger.json import JsonFormatter

from embedded.terminal import Terminal

#: The launcher's name in the merged log.
NAME = "barometer"


class TerminalHandler(logging.Handler):
    """Shows a record as if a service had written it."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self.terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        self.terminal.show(NAME, self.format(record))


def configure(level: str, terminal: Terminal) -> None:
    """Send the launcher's records from ``level`` up to the terminal, those of libraries from WARNING up."""
    names = {"levelname": "level", "name": "logger", "message": "event"}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": JsonFormatter,
                    "fmt": "{levelname}{name}{message}",
                    "style": "{",
                    "timestamp": "time",
                    "rename_fields": names,
                }
            },
            "handlers": {"terminal": {"()": TerminalHandler, "terminal": terminal, "formatter": "json"}},
            "root": {"level": "WARNING", "handlers": ["terminal"]},
            "loggers": {"embedded": {"level": level}},
        }
    )
