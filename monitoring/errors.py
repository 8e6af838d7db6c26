"""What can go wrong in monitoring, by what is done about it.

MonitoringError
├── ConfigurationError   the operator must change a setting: exit code 2, one sentence
├── MalformedEvent       one entry of the stream is unreadable: logged by its id and skipped
└── HistoryUnavailable   the database is away, locked or full: tried again, alerts go on without it

Redis being away is no error of ours: the tick is repeated until it is back.
"""


class MonitoringError(Exception):
    """Root of all errors raised here."""


class ConfigurationError(MonitoringError):
    """A setting is wrong; the message says which and what to do, and never shows a secret."""


class MalformedEvent(MonitoringError):
    """An entry lacks a field that its type promises, or holds it in an unreadable form."""


class HistoryUnavailable(MonitoringError):
    """It did not do what it was asked. The message is the driver's, without statement and values."""
