"""How spans leave a process, the same for every service that makes some. Knows no service."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.exporting import Exit


class ConfigurationError(Exception):
    """A setting that cannot be used. Its value is not repeated: it may hold a secret."""


def connect(service: str, connection_string: str, endpoint: str) -> "Exit | None":
    """Return the way out for spans, or None where no exporter is configured; see ``telemetry.exporting``.

    Raises:
        ConfigurationError: the connection string is malformed, or a package is missing.
    """
    if not (connection_string or endpoint):
        return None
    try:
        from telemetry.exporting import Exit  # the SDK, which nobody loads for nothing
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"traces need the package {error.name}: install Barometer with its extra, as barometer[tracing]."
        ) from error
    return Exit(service, connection_string, endpoint)
