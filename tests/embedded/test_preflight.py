"""What must change first is said in one sentence, and nothing is started."""

import os
import socket
import subprocess
import sys
import time

import pytest

from embedded import mlflow_server, preflight
from embedded.errors import Refused


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_both_ways_to_choose_another(taken_port):
    with pytest.raises(Refused) as refusal:
        preflight.check_gateway_port("127.0.0.1", taken_port)
    assert str(refusal.value) == (
        f"port {taken_port} is taken; choose another with PORT={taken_port + 1} make serve, "
        f"or --port {taken_port + 1}."
    )


def test_a_free_port_is_not_complained_about(taken_port):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    preflight.check_gateway_port("127.0.0.1", free)


def test_an_address_this_machine_does_not_have_is_named():
    with pytest.raises(Refused, match=r"cannot listen on 192\.0\.2\.1: .*--host"):
        preflight.check_gateway_port("192.0.2.1", 8000)


def test_a_data_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"file is a file, or lies in one; choose another with --data"):
        preflight.data_folder(tmp_path / "file")
    with pytest.raises(Refused, match="is a file, or lies in one"):
        preflight.data_folder(tmp_path / "file" / "below")


def test_a_data_folder_that_cannot_be_written_is_refused():
    with pytest.raises(Refused, match=r"/proc/barometer cannot be written .*--data"):
        preflight.data_folder(preflight.Path("/proc/barometer"))


def test_a_new_data_folder_is_for_its_owner_only(tmp_path):
    folder = preflight.data_folder(tmp_path / "new")
    assert folder.stat().st_mode & 0o777 == 0o700


def hold_lock(folder, then):
    code = f"""
import subprocess, sys, time
from pathlib import Path
from embedded.preflight import locked
with locked(Path({str(folder)!r})) as lock:
    {then}
    print("held", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_folder_in_use_names_the_process_that_uses_it(tmp_path):
    other = hold_lock(tmp_path, "pass")
    try:
        says = rf"another Barometer runs on this data folder \(pid {other.pid}\)"
        with pytest.raises(Refused, match=says), preflight.locked(tmp_path):
            pass
    finally:
        other.kill()
        other.wait()
    with preflight.locked(tmp_path):
        assert (tmp_path / preflight.LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_what_a_killed_launcher_left_behind_is_waited_for(tmp_path):
    sleeper = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"], pass_fds=(lock,))'
    other = hold_lock(tmp_path, sleeper)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, but not buried: its child holds the lock
    began = time.monotonic()
    try:
        with preflight.locked(tmp_path):
            waited = time.monotonic() - began
    finally:
        other.wait()
    assert waited > 0.2


def test_a_damaged_database_is_named(tmp_path):
    file = mlflow_server.database(tmp_path)
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(Refused, match=r"mlflow\.db, .* is damaged \(file is not a database\)"):
        mlflow_server.check_database(file)


def test_a_database_with_a_damaged_page_is_named(tmp_path):
    import sqlite3
    from contextlib import closing

    file = mlflow_server.database(tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("word" * 50,)] * 1000)
        connection.commit()
    mlflow_server.check_database(file)  # sound so far
    with file.open("r+b") as database:
        database.seek(4096 * 3)
        database.write(b"\xff" * 4096)
    with pytest.raises(Refused, match="is damaged"):
        mlflow_server.check_database(file)


def test_no_database_yet_is_no_damage(tmp_path):
    mlflow_server.check_database(mlflow_server.database(tmp_path))
    assert not mlflow_server.database(tmp_path).exists()


def test_mlflow_takes_the_next_free_port_but_never_another_than_was_asked_for(taken_port):
    first = mlflow_server.choose_port(None)
    with socket.create_server(("127.0.0.1", first)):
        assert mlflow_server.choose_port(None) > first
    with pytest.raises(Refused, match=f"port {taken_port} is taken; .*EMBEDDED_MLFLOW_PORT"):
        mlflow_server.choose_port(taken_port)


def test_the_log_of_the_run_before_is_kept(tmp_path):
    folder = preflight.data_folder(tmp_path)
    preflight.log_file(folder, "redis").write_text("first")
    assert not preflight.log_file(folder, "redis").exists()
    assert (folder / "logs" / "redis.log.1").read_text() == "first"
