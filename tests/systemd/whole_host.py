"""A Debian 12 host to which releases are deployed as in real life: over ssh, with pinned host keys."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.systemd.host import HERE, REPOSITORY, Host, command, fresh

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barometer"
ROOT = CACHE / "hosts" / "bookworm"
WHEELS = "/srv/wheels"
KEY = "$(cat /etc/barometer/credentials/probe-key)"


@contextmanager
def debian(number: int, folder: Path) -> Iterator[Host]:
    """An empty Debian 12 with sshd, booted; its root folder and the wheels are fetched once."""
    with fresh(ROOT, number) as host:
        subprocess.run([HERE / "make-root", ROOT], check=True)
        wheels = CACHE / "wheels" / _digest(REPOSITORY / "requirements/serve.txt")
        if not (wheels / ".complete").exists():
            subprocess.run([REPOSITORY / "systemd/wheelhouse", wheels], check=True)
            (wheels / ".complete").touch()
        host.lend(wheels, WHEELS)
        _allow_ssh(host, folder)
        host.boot()
        yield host


def deploy(host: Host, checkout: Path, folder: Path, *options: str) -> tuple[int, str]:
    """Deploy a clone's HEAD with the workflow's script; return its exit status and what it said."""
    settings = {
        "DEPLOY_HOST": host.address,
        "DEPLOY_USER": "root",
        "DEPLOY_SSH_KEY": (folder / "id").read_text(),
        "DEPLOY_KNOWN_HOSTS": (folder / "known_hosts").read_text(),
    }
    done = subprocess.run(
        [checkout / ".github/scripts/deploy", "--wheelhouse", WHEELS, *options],
        capture_output=True, text=True, timeout=600, check=False, env=os.environ | settings,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def clone(folder: Path, name: str, file: str = "", old: str = "", new: str = "") -> Path:
    """A clone of this repository, with one change committed if one is given."""
    target = folder / name
    command("git", "clone", "--quiet", "--local", str(REPOSITORY), str(target))
    if file:
        text = (target / file).read_text()
        assert text.count(old) == 1, f"{old!r} in {file}"
        (target / file).write_text(text.replace(old, new))
        author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command("git", "-C", str(target), *author, "commit", "--quiet", "--all", "--message", name)
    return target


def predict(host: Host, text: str = "We landed early, lovely crew!", wait: int = 30) -> dict[str, Any]:
    """One prediction, asked for within the host."""
    body = json.dumps({"input": {"text": text}})
    said = host.run(
        f"curl -s -m 60 http://127.0.0.1:8000/v1/predictions -H 'Content-Type: application/json' "
        f"-H 'Prefer: wait={wait}' -H \"Authorization: Bearer {KEY}\" -d '{body}'"
    )
    return dict(json.loads(said))


@contextmanager
def load(host: Host, file: Path, clients: int = 8) -> Iterator[None]:
    """Clients that ask all the time, in the host's network."""
    key = host.run("cat /etc/barometer/credentials/probe-key")
    program = ["ip", "netns", "exec", host.name, sys.executable, "-m", "tests.systemd.load"]
    running = subprocess.Popen([*program, "http://127.0.0.1:8000", key, file, str(clients)], cwd=REPOSITORY)
    try:
        time.sleep(3)
        yield
        time.sleep(3)
    finally:
        running.terminate()
        assert running.wait(90) == 0


def answers(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@contextmanager
def watching(host: Host) -> Iterator[list[dict[str, Any]]]:
    """A list that holds, at the end, when which release was seen running which unit."""
    seen: list[dict[str, Any]] = []
    (host.root / "root/watch-releases").write_bytes((HERE / "watch-releases").read_bytes())
    host.run("rm -f /root/seen; systemd-run --quiet --unit=watch sh /root/watch-releases /root/seen")
    yield seen
    host.run("systemctl stop watch")
    rows = (line.split() for line in host.run("cat /root/seen").splitlines())
    seen += [{"at": float(at), "unit": unit, "release": release} for at, unit, release in rows]


def _allow_ssh(host: Host, folder: Path) -> None:
    """Give the host its keys and let ours in."""
    if not (folder / "id").exists():
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id"))
    etc, home = host.root / "etc/ssh", host.root / "root/.ssh"
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(etc / "ssh_host_ed25519_key"))
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "authorized_keys").write_text((folder / "id.pub").read_text())
    public = (etc / "ssh_host_ed25519_key.pub").read_text().split()
    with (folder / "known_hosts").open("a") as known:
        known.write(f"{host.address} {public[0]} {public[1]}\n")


def _digest(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
