"""What an operator gets wrong is one sentence, before anything starts."""

import os
import subprocess
import sys

import pytest


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"GATEWAY_PORT": "http"}, "gateway: port: Input should be a valid integer"),
        ({"GATEWAY_WEBHOOK_ALLOW": "10.0.0.0/99"}, "gateway: webhook_allow: "),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"},
            "gateway: OTEL_EXPORTER_OTLP_ENDPOINT: Value error, use a",
        ),
        (
            {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=secret"},
            "gateway: APPLICATIONINSIGHTS_CONNECTION_STRING is malformed: copy it",
        ),
        ({"GATEWAY_HOST": "0.0.0.0"}, "gateway: 0.0.0.0 can be reached from other machines"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(settings: dict[str, str], sentence: str) -> None:
    done = run(**settings)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr


def test_help_shows_an_example() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "python -m gateway" in done.stdout
