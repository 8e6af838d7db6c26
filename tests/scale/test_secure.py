"""``systemd/redis/secure``: what an operator runs once, and again after each upgrade."""

import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import redis
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from tests.end_to_end.barometer import environment
from tests.gateway.conftest import free_port
from tests.scale.secured import SECURE, SERVICES, Secured, secure, secured
from tests.working import wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    with secured("stock", Path(tempfile.mkdtemp(prefix="barometer-"))) as running:
        yield running


def test_each_service_is_given_a_url_that_works_as_it_is(server: Secured) -> None:
    for user in (*SERVICES, "tools", "operator"):
        with server.client(user) as client:
            assert client.ping()


def test_rq_dashboard_looks_as_the_user_tools(server: Secured) -> None:
    queue = Queue(TRAINING_QUEUE, connection=server.operator, serializer=JSONSerializer)
    job = queue.enqueue("math.sqrt", 4)
    port = free_port()
    command = [
        Path(sys.prefix) / "bin" / "rq-dashboard",
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--json",
    ]
    dashboard = subprocess.Popen(
        [*command, "--redis-url", server.url("tools")],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pages = ("view/queues", "view/workers", "data/jobs/training/queued/8/asc/1.json", f"view/job/{job.id}")
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}/0/", trust_env=False, timeout=30, follow_redirects=True
        ) as http:
            wait_for(lambda: _answers(http, "data/queues.json"))
            assert {page: http.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    finally:
        dashboard.terminate()
        dashboard.wait(10)
    assert server.refusals() == []


def test_a_client_refuses_a_server_that_its_authority_has_not_signed(server: Secured, tmp_path: Path) -> None:
    secure(tmp_path / "other", "127.0.0.1")
    stranger = server.url("worker").replace(str(server.folder / "ca.crt"), str(tmp_path / "other" / "ca.crt"))
    with (
        Redis.from_url(stranger, retry=None) as client,
        pytest.raises(redis.ConnectionError, match="certificate verify"),
    ):
        client.ping()


def test_a_client_refuses_a_server_under_a_name_that_its_certificate_has_not(server: Secured) -> None:
    by_name = server.url("worker").replace("@127.0.0.1:", "@localhost:")
    with (
        Redis.from_url(by_name, retry=None) as client,
        pytest.raises(redis.ConnectionError, match="localhost"),
    ):
        client.ping()


def _answers(http: httpx2.Client, page: str) -> bool:
    try:
        return http.get(page).is_success
    except httpx2.TransportError:
        return False


def test_the_server_refuses_who_has_no_name_a_wrong_password_or_no_tls(server: Secured) -> None:
    url = server.url("worker")
    for wrong in (
        url.replace(f"worker:{server.password('worker')}@", ""),
        url.replace(server.password("worker"), server.password("gateway")),
    ):
        with Redis.from_url(wrong, retry=None) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    with Redis(port=server.port, retry=None) as plain, pytest.raises(redis.ConnectionError):
        plain.ping()


def test_the_server_speaks_no_tls_older_than_1_2(server: Secured) -> None:
    context = ssl.create_default_context(cafile=server.folder / "ca.crt")
    with (
        socket.create_connection(("127.0.0.1", server.port)) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
    ):
        assert connection.version() in ("TLSv1.2", "TLSv1.3")


def test_again_it_keeps_secrets_and_follows_the_template(tmp_path: Path) -> None:
    secure(tmp_path, "redis.example", "10.0.0.5")
    kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "users.acl").write_text("user default on nopass ~* +@all\n")
    secure(tmp_path, "redis.example", "10.0.0.5")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept


def test_a_new_password_comes_from_deleting_the_old_one(tmp_path: Path) -> None:
    secure(tmp_path, "redis.example")
    before, users = (tmp_path / "worker.env").read_text(), (tmp_path / "users.acl").read_text()
    (tmp_path / "worker.env").unlink()
    secure(tmp_path, "redis.example")
    assert (tmp_path / "worker.env").read_text() != before
    changed = set((tmp_path / "users.acl").read_text().splitlines()) - set(users.splitlines())
    assert [line.split()[1] for line in changed] == ["worker"]


def test_no_password_is_in_the_server_s_files_and_nobody_else_may_read_any(tmp_path: Path) -> None:
    secure(tmp_path, "redis.example")
    passwords = [file.read_text().split(":")[2].partition("@")[0] for file in tmp_path.glob("*.env")]
    assert len(set(passwords)) == len(passwords) == 6
    assert not [word for word in passwords if word in (tmp_path / "users.acl").read_text()]
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}


def test_a_folder_and_names_of_all_kinds_do(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    secure(folder, "::1", "redis.example", "10.0.0.5")
    told = subprocess.run(
        ["openssl", "x509", "-in", folder / "server.crt", "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "DNS:redis.example" in told.stdout
    assert "IP Address:10.0.0.5" in told.stdout
    assert "IP Address:0:0:0:0:0:0:0:1" in told.stdout
    assert "@[::1]:6380/0?ssl_ca_certs=" in (folder / "worker.env").read_text()
    assert " " not in (folder / "worker.env").read_text()


def test_without_a_host_it_says_how_it_is_used_and_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run([SECURE, tmp_path / "new"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "secure FOLDER HOST..." in done.stderr
    assert "umask" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_without_openssl_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for program in ("bash", "env", "dirname", "mkdir", "sed", "awk", "cut"):
        (path / program).symlink_to(shutil.which(program))
    done = subprocess.run(
        [SECURE, tmp_path / "new", "x"], check=False, env={"PATH": str(path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "openssl is missing" in done.stderr
