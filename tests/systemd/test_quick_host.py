"""A few seconds on a real systemd: install, credentials, socket, sandbox, reload, kill -9.

The host lies over this machine's own root folder and has no MLflow and no worker; ``test_host.py`` has the
whole.
"""

import time
from collections.abc import Iterator

import pytest

from tests.systemd.borrowed import SOURCE, borrowed
from tests.systemd.host import Host

INSTALL = f". /root/environment; {SOURCE}/systemd/install --workers 0"
ASK = "curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with borrowed(11) as host:
        host.run("systemctl mask barometer-mlflow.service barometer-trainer.service")
        host.run(INSTALL)
        yield host


def main_pid(host: Host, unit: str) -> str:
    return host.run(f"systemctl show --property=MainPID --value {unit}")


def test_an_install_ends_with_a_gateway_that_answers(host: Host) -> None:
    assert host.run(f"{ASK}/livez") == "200"
    # The install made a key, so nobody comes in without one.
    assert host.run(f"{ASK}/v1/predictions") == "401"
    key = "$(cat /etc/barometer/credentials/probe-key)"
    assert host.run(f'{ASK}/v1/predictions -H "Authorization: Bearer {key}"') == "200"


def test_a_second_install_changes_nothing(host: Host) -> None:
    before = main_pid(host, "barometer-gateway")
    said = host.run(f"{INSTALL} 2>&1")
    assert "serves already" in said
    assert main_pid(host, "barometer-gateway") == before


def test_secrets_are_neither_in_the_environment_nor_readable(host: Host) -> None:
    pid = main_pid(host, "barometer-gateway")
    assert "REDIS_URL" not in host.run(f"tr '\\0' '\\n' < /proc/{pid}/environ")
    read = "setpriv --reuid=barometer-worker --regid=barometer-worker --clear-groups"
    assert host.run(f"{read} cat /etc/barometer/credentials/gateway/REDIS_URL", check=False) == ""


@pytest.mark.parametrize("unit", ["barometer-gateway", "barometer-monitoring", "barometer-redis"])
def test_a_killed_service_is_back(host: Host, unit: str) -> None:
    before = main_pid(host, unit)
    host.run(f"systemctl kill --signal=SIGKILL {unit}")
    end = time.monotonic() + 10
    while (
        main_pid(host, unit) in (before, "0")
        or host.run(f"systemctl is-active {unit}", check=False) != "active"
    ):
        assert time.monotonic() < end, host.run(f"journalctl -u {unit} --no-pager | tail -20")
        time.sleep(0.1)
    assert host.run(f"{ASK}/livez") == "200"


def test_a_connection_waits_while_no_gateway_runs(host: Host) -> None:
    host.run("systemctl stop barometer-gateway.service")
    assert host.run(f"{ASK}/livez") == "200"


def test_a_reload_reads_settings_anew_and_refuses_wrong_ones(host: Host) -> None:
    before = main_pid(host, "barometer-gateway")
    host.run("echo GATEWAY_TEXT_LIMIT=none > /etc/barometer/gateway.env")
    host.run("! systemctl reload barometer-gateway")
    assert main_pid(host, "barometer-gateway") == before
    # Who asks systemd sees that the reload failed, that the gateway runs on, and what is wrong.
    shown = host.run("systemctl status --no-pager --lines=20 barometer-gateway")
    assert "active (running)" in shown
    assert "ExecReload" in shown
    assert "text_limit: Input should be a valid integer" in shown
    host.run("echo GATEWAY_BODY_LIMIT=10 > /etc/barometer/gateway.env; systemctl reload barometer-gateway")
    end = time.monotonic() + 15
    key = "$(cat /etc/barometer/credentials/probe-key)"
    body = '{"input": {"text": "longer than ten bytes"}}'
    ask = f"{ASK}/v1/predictions -H 'Content-Type: application/json' -d '{body}'"
    ask += f' -H "Authorization: Bearer {key}"'
    while host.run(ask) != "413":
        assert time.monotonic() < end
        time.sleep(0.2)
    host.run("rm /etc/barometer/gateway.env; systemctl reload barometer-gateway")


def test_a_backup_holds_the_secrets_and_is_for_root_alone(host: Host) -> None:
    host.run("systemctl start barometer-backup.service")
    file = host.run("ls /var/backups/barometer/*.tar.gz")
    assert host.run(f"stat -c %a {file}") == "600"
    names = host.run(f"tar -tzf {file}")
    assert "etc/barometer/credentials/gateway/REDIS_URL" in names
    assert "var/lib/barometer/redis/appendonlydir/" in names
    # Read back, an entry for the root folder or its like would change the host's own.
    ours = ("etc/barometer/", "var/lib/barometer/")
    assert all(name.startswith(ours) for name in names.split())
