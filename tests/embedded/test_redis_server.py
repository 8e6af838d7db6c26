"""Our Redis, run for real: durable, private, and clear about a damaged file."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import redis
from redis.asyncio import Redis

from embedded import redis_server
from embedded.children import Surroundings
from embedded.errors import PartFailed, Refused
from embedded.preflight import data_folder, log_file
from embedded.supervisor import Part, Supervisor, wait_until
from tests.conftest import SERVERS, server_binary

pytestmark = pytest.mark.parametrize("kind", SERVERS)


@pytest.fixture
def data():
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        yield data_folder(Path(folder))


def server(kind, data, socket=None):
    program = redis_server.inspect(Path(server_binary(kind)))
    socket = socket or data / "redis.sock"
    spec = redis_server.spec(program, data, socket, log_file(data, redis_server.NAME))
    probe = redis_server.answers(redis_server.url(socket))
    return Part(spec=spec, is_up=probe, diagnose=redis_server.diagnosis(data, program))


@contextlib.asynccontextmanager
async def running(part):
    """Run the server as Barometer does, until the block ends."""
    supervisor = Supervisor([part], Surroundings(os.environ, (), lambda *_: None))
    up = asyncio.Event()

    async def when_up():
        up.set()

    work = asyncio.create_task(supervisor.run(when_up))
    try:
        await asyncio.wait([work, asyncio.create_task(up.wait())], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
        yield supervisor
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await supervisor.stop()


async def test_data_survives_a_stop_and_a_start(kind, data):
    part = server(kind, data)
    url = redis_server.url(data / "redis.sock")
    async with running(part), Redis.from_url(url) as client:
        await client.set("key", "value")
    assert not await part.is_up()
    async with running(part), Redis.from_url(url) as client:
        assert await client.get("key") == b"value"


async def test_data_survives_kill_9_and_the_server_comes_back(kind, data):
    part = server(kind, data)
    async with running(part), Redis.from_url(redis_server.url(data / "redis.sock")) as client:
        await client.set("key", "value")
        pid = (await client.info("server"))["process_id"]
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        await wait_until("redis", part.is_up)
        assert await client.get("key") == b"value"
        assert (await client.info("server"))["process_id"] != pid


async def test_it_is_durable_private_and_never_evicts(kind, data):
    async with running(server(kind, data)), Redis.from_url(redis_server.url(data / "redis.sock")) as client:
        settings = await client.config_get("*")
        assert (
            settings
            | {
                "appendonly": "yes",
                "appendfsync": "no",
                "maxmemory-policy": "noeviction",
                "port": "0",
                "save": "",
                "unixsocketperm": "700",
            }
            == settings
        )
    async with running(server(kind, data)):
        assert (data / "redis.sock").stat().st_mode & 0o777 == 0o700


async def test_a_damaged_file_is_named_with_the_command_that_mends_it(kind, data):
    async with running(server(kind, data)), Redis.from_url(redis_server.url(data / "redis.sock")) as client:
        await client.set("before", "the damage")
    file = next(path for path in data.rglob("appendonly.aof*") if path.name.endswith((".aof",)))
    with file.open("ab") as written:
        written.write(b"GARBAGE\r\n" + b"*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n")
    with pytest.raises(PartFailed) as failure:
        async with running(server(kind, data)):
            pass
    sentence = str(failure.value)
    assert sentence.startswith(f"Redis cannot read {file}, it is damaged")
    assert f"--fix {file}'" in sentence
    command = sentence.partition("damaged end with '")[2].rpartition("', and start again")[0]
    mending = await asyncio.create_subprocess_shell(command, stdin=PIPE, stdout=PIPE)
    said, _ = await mending.communicate(b"y\n")
    assert mending.returncode == 0, said
    async with running(server(kind, data)), Redis.from_url(redis_server.url(data / "redis.sock")) as client:
        assert await client.get("before") == b"the damage"


async def test_a_socket_path_that_is_too_long_is_replaced_by_a_private_folder(kind, data):
    deep = data_folder(data / ("long" * 30))
    with redis_server.socket_path(deep) as socket:
        assert len(os.fsencode(socket)) <= redis_server.LONGEST_SOCKET_PATH
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        async with running(server(kind, deep, socket)), Redis.from_url(redis_server.url(socket)) as client:
            await client.set("key", "value")
    assert not socket.parent.exists()
    assert any(deep.rglob("*.aof"))


async def test_a_folder_with_odd_characters_works(kind, data):
    odd = data_folder(data / "a b#c%20?é")
    async with running(server(kind, odd)):
        with redis.Redis.from_url(redis_server.url(odd / "redis.sock")) as client:
            assert client.ping()


async def test_a_heartbeat_counts_only_when_it_is_renewed(kind, data):
    async with running(server(kind, data)), Redis.from_url(redis_server.url(data / "redis.sock")) as client:
        beats = redis_server.beats(redis_server.url(data / "redis.sock"), "beat")
        await client.set("beat", "of one who is dead", ex=9)
        assert [await beats() for _ in range(3)] == [False] * 3
        await client.set("beat", "of one who lives", ex=10)
        assert await beats()


def test_an_old_server_is_not_started_on_a_newer_ones_data(kind, data):
    program = redis_server.inspect(Path(server_binary(kind)))
    redis_server.check_format(program, data)
    (data / redis_server.AOF_FOLDER).mkdir()
    if program.version >= redis_server.MULTI_PART_AOF:
        redis_server.check_format(program, data)
        return
    with pytest.raises(Refused, match=r"was written by Redis 7 or newer and .* is 6\.2"):
        redis_server.check_format(program, data)


def test_a_server_on_the_path_is_preferred_to_the_wheel(kind, data):
    folder = data / "bin"
    folder.mkdir()
    name = "valkey-server" if kind == "valkey" else "redis-server"
    shutil.copy(Path(server_binary(kind)), folder / name)
    assert redis_server.find(str(folder)).path == folder / name
