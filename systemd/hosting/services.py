"""Running a service's own commands on this host, as the user and with the settings of its unit."""

import os
from pathlib import Path

from hosting import places
from hosting.commands import run

#: Services with a command line that an operator may want.
SERVICES = ("gateway", "worker", "monitoring", "trainer")


def command(release: Path, service: str, arguments: tuple[str, ...]) -> list[str]:
    """Return the words that run ``python -m SERVICE ARGUMENTS`` as the service's user."""
    user = f"barometer-{service}"
    return [
        "setpriv", f"--reuid={user}", f"--regid={user}", "--groups=barometer", "--inh-caps=-all",
        "--no-new-privs", "env", "--chdir=/", str(release / "bin/python"), "-m", service, *arguments,
    ]  # fmt: skip


def environment(service: str, settings_folder: Path = places.SETTINGS) -> dict[str, str]:
    """Return a service's settings: its credentials, and what its unit reads from files, which wins."""
    settings = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(places.STATE / service),
        "TERM": os.environ.get("TERM", "dumb"),
        "LANG": "C.UTF-8",
    }
    credentials = settings_folder / "credentials" / service
    if credentials.exists():
        settings |= {file.name: file.read_text().strip() for file in credentials.iterdir()}
    for file in (settings_folder / "common.env", settings_folder / f"{service}.env"):
        if file.exists():
            settings |= _variables(file.read_text())
    return settings


def call(release: Path, service: str, *arguments: str) -> str:
    """Run a service's command to its end and return what it printed."""
    return run(*command(release, service, arguments), env=environment(service))


def become(release: Path, service: str, arguments: tuple[str, ...]) -> None:
    """Be replaced by a service's command."""
    words = command(release, service, arguments)
    os.execvpe(words[0], words, environment(service))  # noqa: S606 - without a shell, on purpose


def _variables(text: str) -> dict[str, str]:
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and line[0] not in "#;")
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
