"""The life of a host, on a real Debian 12 with a real systemd: one story, told in order.

make test-host
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.systemd.host import Host
from tests.systemd.upgrade import Timeline
from tests.systemd.whole_host import answers, clone, debian, deploy, load, predict

pytestmark = pytest.mark.slow

UNITS = ("barometer-gateway", "barometer-worker@sentiment-1", "barometer-monitoring", "barometer-trainer",
         "barometer-mlflow", "barometer-redis")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploying")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Host]:
    """An empty host, then whatever the tests before made of it."""
    with debian(21, folder) as host:
        yield host


def until(host: Host, script: str, within_s: float) -> None:
    """Wait until a script in the host ends well."""
    end = time.monotonic() + within_s
    while host.run(f"{script} >/dev/null 2>&1 && echo yes", check=False) != "yes":
        assert time.monotonic() < end, f"{script}\n{host.run('journalctl --no-pager -n 60', check=False)}"
        time.sleep(0.2)


def main_pid(host: Host, unit: str) -> str:
    return host.run(f"systemctl show --property=MainPID --value '{unit}'")


def serving(host: Host) -> str:
    return host.run("basename $(readlink /opt/barometer/current)")


def test_an_empty_host_answers_within_ten_minutes(host: Host, folder: Path) -> None:
    began = time.monotonic()
    status, said = deploy(host, clone(folder, "first"), folder)
    assert status == 0, said
    assert predict(host)["output"]["label"] == "positive"
    assert time.monotonic() - began < 600
    assert host.run("systemctl --failed --plain --no-legend") == ""


def test_workers_come_and_go_under_load(host: Host, folder: Path) -> None:
    with load(host, folder / "scaling"):
        host.run("systemctl start worker@sentiment-2 worker@sentiment-3")
        time.sleep(2)
        host.run("systemctl stop worker@sentiment-1 worker@sentiment-3")
        host.run("systemctl start worker@sentiment-1")
        host.run("systemctl stop worker@sentiment-2")
    seen = answers(folder / "scaling")
    assert len(seen) > 50
    assert [answer for answer in seen if answer["wrong"]] == []


@pytest.mark.parametrize("unit", UNITS)
def test_a_killed_unit_is_back_and_nothing_accepted_is_lost(host: Host, unit: str) -> None:
    accepted = [predict(host, f"Nothing is lost, number {number}.", wait=0)["id"] for number in range(5)]
    before = main_pid(host, unit)
    host.run(f"systemctl kill --signal=SIGKILL '{unit}'")
    until(host, f"test $(systemctl show -p MainPID --value '{unit}') != {before}", 30)
    until(host, f"systemctl is-active --quiet '{unit}'", 60)
    until(host, "curl -sf http://127.0.0.1:8000/readyz", 60)
    for id in accepted:
        until(host, _succeeded(id), 30)
    assert predict(host)["status"] == "succeeded"


def _succeeded(id: str) -> str:
    key = "$(cat /etc/barometer/credentials/probe-key)"
    return (
        f"curl -sf http://127.0.0.1:8000/v1/predictions/{id} -H 'Prefer: wait=20' "
        f'-H "Authorization: Bearer {key}" | grep -q \'"status":"succeeded"\''
    )


def test_a_gateway_that_hangs_is_replaced(host: Host) -> None:
    with overridden(host, "barometer-gateway.service", "[Service]\nWatchdogSec=3"):
        before = main_pid(host, "barometer-gateway")
        host.run(f"kill -STOP {before}")
        until(host, f"test $(systemctl show -p MainPID --value barometer-gateway) != {before}", 20)
        until(host, "curl -sf http://127.0.0.1:8000/livez", 20)
    assert "Watchdog timeout" in host.run("journalctl --no-pager -u barometer-gateway")


def test_a_service_that_takes_too_much_memory_is_stopped_and_the_others_go_on(host: Host) -> None:
    unit = "'barometer-worker@sentiment-1'"
    host.run(f"systemctl set-property --runtime {unit} MemoryMax=30M; systemctl --no-block restart {unit}")
    until(host, f"test $(systemctl show -p NRestarts --value {unit}) -gt 0", 60)
    # The kernel of control groups 1 says "signal" where that of 2 says "oom-kill".
    assert host.run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8000/livez") == "200"
    host.run(f"systemctl revert {unit}; systemctl reset-failed 'barometer-*'; systemctl restart {unit}")
    assert host.run(f"systemctl show -p MemoryMax --value {unit}") == str(4 * 2**30)
    assert predict(host)["status"] == "succeeded"


def test_a_bad_release_is_rolled_back_and_nobody_notices(host: Host, folder: Path) -> None:
    good = serving(host)
    bad = clone(
        folder, "bad", "gateway/app.py", "        catalog = Catalog(settings)\n",
        "        raise RuntimeError('this release is bad')\n        catalog = Catalog(settings)\n",
    )  # fmt: skip
    with load(host, folder / "bad-load"):
        status, said = deploy(host, bad, folder)
    assert status == 3, said
    assert f"{good} serves again" in said
    assert serving(host) == good
    assert [answer for answer in answers(folder / "bad-load") if answer["wrong"]] == []


def test_a_release_that_cannot_even_be_imported_changes_nothing(host: Host, folder: Path) -> None:
    before = (serving(host), main_pid(host, "barometer-gateway"))
    broken = clone(folder, "broken", "worker/loop.py", "import logging\n", "import logging, no_such_module\n")
    status, said = deploy(host, broken, folder)
    assert status == 1
    assert "no_such_module" in said
    assert (serving(host), main_pid(host, "barometer-gateway")) == before


def test_a_good_release_takes_over_under_load_without_one_failure(host: Host, folder: Path) -> None:
    new = clone(folder, "new", "pyproject.toml", 'version = "0.1.0"', 'version = "0.1.1"')
    host.run("systemctl start worker@sentiment-2")
    timeline = Timeline.of_upgrade(host, new, folder)
    host.run("systemctl stop worker@sentiment-2")
    assert serving(host).startswith("0.1.1-")
    timeline.write(folder)
    assert timeline.failures == []
    assert len(timeline.releases) == 2
    # Both were at work together for a moment, on the same queue.
    assert timeline.together_s > 0


def test_the_release_before_comes_back_by_hand(host: Host) -> None:
    host.run("barometer-host rollback")
    assert serving(host).startswith("0.1.0-")
    assert predict(host)["status"] == "succeeded"


def test_nginx_speaks_http_2_bounds_bodies_and_holds_no_event_back(host: Host, folder: Path) -> None:
    host.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=barometer.example -addext subjectAltName=DNS:barometer.example "
        "-keyout /etc/nginx/barometer.key -out /etc/nginx/barometer.crt"
    )
    host.run("cp /opt/barometer/current/systemd/nginx/barometer.conf /etc/nginx/conf.d/")
    host.run("rm -f /etc/nginx/sites-enabled/default; nginx -t && systemctl restart nginx")
    curl = "curl -s --resolve barometer.example:443:127.0.0.1 --cacert /etc/nginx/barometer.crt"
    site = "https://barometer.example"
    assert host.run(f"{curl} -o /dev/null -w '%{{http_version}} %{{http_code}}' {site}/livez") == "2 200"
    assert host.run(f"{curl} -o /dev/null -w '%{{http_code}}' {site}/metrics") == "404"
    plain = "curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: barometer.example' http://127.0.0.1/x"
    assert host.run(plain) == "308 https://barometer.example/x"
    host.run("truncate -s 300M /tmp/large")
    assert (
        host.run(f"{curl} -o /dev/null -w '%{{http_code}}' --data-binary @/tmp/large {site}/v1/batches")
        == "413"
    )
    # With no worker the stream has an event at once, and no end: what comes within two seconds was not held
    # back.
    host.run("systemctl stop 'barometer-worker@*'")
    id = predict(host, wait=0)["id"]
    key = '-H "Authorization: Bearer $(cat /etc/barometer/credentials/probe-key)"'
    events = host.run(
        f"{curl} -N -m 2 {key} -H 'Accept: text/event-stream' {site}/v1/predictions/{id}/stream || :"
    )
    host.run("systemctl start worker@sentiment-1")
    assert "event:" in events


def test_the_firewall_is_one_that_nft_reads(host: Host) -> None:
    host.run("nft --check --file /opt/barometer/current/systemd/nftables.conf")


def test_after_a_reboot_everything_is_back(host: Host) -> None:
    id = predict(host)["id"]
    host.shut_down()
    host.boot()
    until(host, "curl -sf http://127.0.0.1:8000/readyz", 60)
    until(host, _succeeded(id), 10)
    assert predict(host)["status"] == "succeeded"
    assert host.run("systemctl --failed --plain --no-legend") == ""


def test_a_backup_comes_back_on_an_empty_host(host: Host, folder: Path) -> None:
    id = predict(host)["id"]
    key = host.run("cat /etc/barometer/credentials/probe-key")
    host.run("systemctl start barometer-backup.service")
    backup = folder / "backup.tar.gz"
    backup.write_bytes(
        (host.root / host.run("ls /var/backups/barometer/*.tar.gz | tail -n 1")[1:]).read_bytes()
    )
    with debian(22, folder) as other:
        status, said = deploy(other, folder / "first", folder)
        assert status == 0, said
        (other.root / "root/backup.tar.gz").write_bytes(backup.read_bytes())
        before = other.run("stat -c %a / /etc /var /var/lib")
        other.run("barometer-host restore /root/backup.tar.gz")
        assert other.run("stat -c %a / /etc /var /var/lib") == before
        until(other, "curl -sf http://127.0.0.1:8000/readyz", 60)
        until(other, _succeeded(id), 10)
        assert other.run("cat /etc/barometer/credentials/probe-key") == key
        assert predict(other)["status"] == "succeeded"


def test_uninstalling_takes_everything_off_and_leaves_data_unless_told(host: Host) -> None:
    host.run("barometer-host uninstall")
    assert host.run("systemctl list-units --all --plain --no-legend 'barometer*'") == ""
    assert host.run("ls /opt/barometer /usr/local/sbin/barometer-host 2>/dev/null || :") == ""
    assert host.run("ls -d /var/lib/barometer /etc/barometer | wc -l") == "2"


@contextmanager
def overridden(host: Host, unit: str, text: str) -> Iterator[None]:
    """What `systemctl edit` does, and undoes."""
    folder = f"/etc/systemd/system/{unit}.d"
    host.run(f"mkdir -p {folder}; echo '{text}' > {folder}/override.conf")
    host.run(f"systemctl daemon-reload; systemctl restart {unit}")
    yield
    host.run(f"rm -r {folder}; systemctl daemon-reload; systemctl restart {unit}")
