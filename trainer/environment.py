"""What MLflow has to find in the environment before it is imported: a process's entry calls ``prepare``."""

import os

#: Anything the operator has set wins.
_DEFAULTS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # a registered model must not run code by being read
    "MLFLOW_CONFIGURE_LOGGING": "false",  # its records go through our handler
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seconds, not minutes, until an absent server is reported
}


def prepare(tracking_uri: str) -> None:
    """Set what MLflow reads from the environment."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri
