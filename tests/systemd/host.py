"""A host with a real systemd: namespaces, control groups of its own, and an overlay over a root folder.

Nothing in it is mocked; what it lacks beside a machine of its own are a kernel and a way to the internet. It
needs root and control groups of version 1; ``missing`` says what this machine does not have.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
CGROUPS = Path("/sys/fs/cgroup")


def missing() -> str | None:
    """Why this machine cannot hold a host, or None."""
    if os.geteuid() != 0:
        return "a test host needs root"
    for program in ("unshare", "nsenter", "ip", "pivot_root"):
        if shutil.which(program) is None:
            return f"a test host needs {program}: apt install util-linux iproute2"
    if not Path("/lib/systemd/systemd").exists():
        return "a test host needs systemd: apt install systemd"
    if shutil.which("redis-server", path="/usr/bin") is None:
        return "a test host needs redis-server: apt install redis-server"
    if not (CGROUPS / "systemd").is_dir() or not (CGROUPS / "memory").is_dir():
        return "a test host needs control groups of version 1"
    return None


class Host:
    """One host, from its boot to its end. ``root`` is its root folder as seen from outside."""

    def __init__(self, lower: Path, folder: Path, number: int) -> None:
        self.name = f"baro{secrets.token_hex(3)}"
        self.folder, self.root = folder, folder / "root"
        #: A /30 of its own: the machine has the first address, the host the second.
        self.gateway, self.address = f"10.231.{number}.1", f"10.231.{number}.2"
        self._process: subprocess.Popen[bytes] | None = None
        self._lent: list[Path] = []
        for part in ("upper", "work", "root"):
            (folder / part).mkdir()
        options = f"lowerdir={lower},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        command("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))

    @property
    def controllers(self) -> list[str]:
        return [path.name for path in CGROUPS.iterdir() if path.name not in ("systemd", "unified")]

    def lend(self, outside: Path, inside: str, over: Path | None = None) -> None:
        """Show a folder of this machine in the host, read-only; before it boots. ``over`` lies over it."""
        target = self.root / inside.removeprefix("/")
        target.mkdir(parents=True, exist_ok=True)
        if over:
            command("mount", "-t", "overlay", "overlay", "-o", f"ro,lowerdir={over}:{outside}", str(target))
        else:
            command("mount", "--bind", str(outside), str(target))
            command("mount", "-o", "remount,bind,ro", str(target))
        self._lent.append(target)

    def boot(self) -> None:
        """Start systemd and wait until it says that it is up."""
        self._network()
        groups = [CGROUPS / name / self.name for name in (*self.controllers, "systemd", "unified")]
        for group in groups:
            group.mkdir(exist_ok=True)
            if group.parent.name == "cpuset":
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (group / file).write_text((group.parent / file).read_text())
        enter = "; ".join(f"echo $$ > {group}/cgroup.procs" for group in groups)
        inside = "unshare --mount --uts --ipc --pid --cgroup --fork --kill-child=SIGKILL"
        become = f"{HERE}/boot {self.root} {' '.join(self.controllers)}"
        words = f"{enter}; exec ip netns exec {self.name} {inside} {become}"
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(["bash", "-c", words], stdout=console, stderr=console)
        # It is up when all that starts at boot has started: a model is loaded by then.
        end = time.monotonic() + 120
        while self.run("systemctl is-system-running", check=False) not in ("running", "degraded"):
            assert time.monotonic() < end, (self.folder / "console").read_text()[-3000:]
            time.sleep(0.1)

    @property
    def pid(self) -> str:
        """The process of the host's systemd, as numbered outside."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return children.read_text().split()[0] if children.exists() and children.read_text().strip() else "0"

    def run(self, script: str, *, check: bool = True, timeout: float = 300) -> str:
        """Run a shell script in the host as root and return what it printed."""
        done = subprocess.run(
            ["nsenter", "--target", self.pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
             "env", "-i", "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
             "sh", "-c", script],
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def shut_down(self) -> None:
        """End it as an operator would, and the hard way if that does not work."""
        if self._process is None:
            return
        self.run("systemctl poweroff", check=False)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
        self._process = None
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        for name in (*self.controllers, "systemd", "unified"):
            _remove_group(CGROUPS / name / self.name)

    def forget(self) -> None:
        """Shut down and let go of the root folder."""
        self.shut_down()
        for target in (*reversed(self._lent), self.root):
            subprocess.run(["umount", "--lazy", target], check=False)

    def _network(self) -> None:
        outside, inside = f"{self.name}o", f"{self.name}i"
        command("ip", "netns", "add", self.name)
        command("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        command("ip", "address", "add", f"{self.gateway}/30", "dev", outside)
        command("ip", "link", "set", outside, "up")
        within = ("ip", "-n", self.name)
        command(*within, "address", "add", f"{self.address}/30", "dev", inside)
        command(*within, "link", "set", inside, "up")
        command(*within, "link", "set", "lo", "up")


def lend_python(host: Host) -> str:
    """Make the Python of these tests one that a host's services can run; return its path there."""
    executable = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if sys.base_prefix == "/usr":
        return str(executable)
    # It may lie in somebody's home, which services do not see.
    host.lend(Path(sys.base_prefix), "/opt/python")
    # One built with a shared library would find the system's of another patch level.
    (host.root / "etc/ld.so.conf.d/00-python.conf").write_text("/opt/python/lib\n")
    command("ldconfig", "-r", str(host.root))
    return f"/opt/python/bin/{executable.name}"


def alone(host: Host) -> None:
    """Take away what this machine would start in a host that lies over it; before it boots."""
    etc = host.root / "etc"
    for folder in (etc / "systemd/system", *etc.glob("rc?.d")):
        shutil.rmtree(folder)
        folder.mkdir()
    for generators in ("lib/systemd/system-generators", "usr/lib/systemd/system-generators"):
        shutil.rmtree(host.root / generators, ignore_errors=True)
    (etc / "systemd/system/default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (etc / "fstab").write_text("")


def command(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


def _remove_group(group: Path) -> None:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()
    if group.exists():
        group.rmdir()


@contextmanager
def fresh(lower: Path, number: int) -> Iterator[Host]:
    """A new host over a root folder, not yet booted; skipped where this machine cannot hold one."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="barometer-host-"))
    host = Host(lower, folder, number)
    try:
        yield host
    finally:
        host.forget()
        shutil.rmtree(folder, ignore_errors=True)
