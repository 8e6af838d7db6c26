"""Several hosts on one machine: network namespaces with addresses of their own, joined by a switch.

The switch is in a namespace too, so no rule of this machine's own network touches what passes.
"""

import itertools
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

#: Reserved for documentation, so it is nobody's.
NETWORK = "192.0.2"


@dataclass(frozen=True)
class Host:
    """One host: its namespace, its address, and its end of the cable in the switch."""

    namespace: str
    address: str
    switch: str
    port: str

    @property
    def within(self) -> Sequence[str]:
        """What goes before a command that is to run there."""
        return ("ip", "netns", "exec", self.namespace)

    def unplug(self) -> None:
        """Pull the cable: nothing is refused, nothing arrives."""
        _ip("-n", self.switch, "link", "set", self.port, "down")

    def plug_in(self) -> None:
        _ip("-n", self.switch, "link", "set", self.port, "up")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts that reach each other; skips, or fails on GitHub, where that is not allowed."""
    tag = f"barometer-{secrets.token_hex(3)}"
    switch = f"{tag}-switch"
    made = []
    try:
        try:
            _make(switch)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            _do_without(f"network namespaces cannot be made here: {said.strip()}; run this test as root")
        made.append(switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        found = []
        for number in itertools.islice(itertools.count(1), count):
            host = Host(f"{tag}-{number}", f"{NETWORK}.{number}", switch, f"port{number}")
            _make(host.namespace)
            made.append(host.namespace)
            _connect(host)
            found.append(host)
        yield found
    finally:
        for namespace in made:
            _ip("netns", "del", namespace)


def _make(namespace: str) -> None:
    _ip("netns", "add", namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")


def _connect(host: Host) -> None:
    _ip("-n", host.switch, "link", "add", host.port, "type", "veth", "peer", "eth0", "netns", host.namespace)
    _ip("-n", host.switch, "link", "set", host.port, "master", "bridge", "up")
    _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.namespace, "link", "set", "eth0", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _do_without(reason: str) -> None:
    pytest.fail(reason) if os.environ.get("GITHUB_ACTIONS") else pytest.skip(reason)
