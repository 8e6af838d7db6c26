"""How spans, events and figures leave a process, the same for every service. Knows no service."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.exporting import Exit


class ConfigurationError(Exception):
    """A setting that cannot be used. Its value is not repeated: it may hold a secret."""


def connect(
    service: str, connection_string: str, endpoint: str, storage: Path | None = None
) -> "Exit | None":
    """Return the way out, or None where no exporter is configured; see ``telemetry.exporting``.

    Args:
        service: the name under which everything is shown.
        connection_string: of Application Insights, or empty.
        endpoint: of an OpenTelemetry collector (OTLP over HTTP), or empty. It gets spans.
        storage: where waits what Application Insights does not take; by default a temporary folder.

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
    return Exit(service, connection_string, endpoint, storage)
