"""The process as a supervisor sees it: ready, alive, stopped, and its command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from contract import keys
from monitoring.__main__ import app
from monitoring.alerts import AlertBook
from monitoring.history import database
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.service import unless_redis_is_away
from tests.monitoring.ingestion import eventually, ingestion
from tests.monitoring.stream import CANARY, alerts, burst, minutes_ago, monitor, predict


def command(redis_url: str, *arguments: str, **settings: str) -> dict:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MONITORING_", "APPLICATIONINSIGHTS_"))}
    return {
        "args": [sys.executable, "-m", "monitoring", *arguments],
        "env": {
            **clean,
            "REDIS_URL": redis_url,
            "COLUMNS": "220",
            **settings,
        },
    }


@contextmanager
def running(redis_url: str, log: Path, **settings: str) -> Iterator[subprocess.Popen]:
    """The service, ready; killed at the end if the test has not stopped it."""
    settings = {"MONITORING_TICK": "0.05", "MONITORING_DATABASE_URL": f"sqlite:///{log}.db", **settings}
    with log.open("w") as stderr:
        process = subprocess.Popen(**command(redis_url, **settings), stderr=stderr)
        try:
            assert eventually(lambda: "monitoring.ready" in log.read_text()), log.read_text()
            yield process
        finally:
            process.kill()
            process.wait()


def run(redis_url: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    call = command(redis_url, *arguments, **settings)
    return subprocess.run(**call, capture_output=True, text=True, timeout=60, check=False)


def invoke(redis_url: str, *arguments: str, **settings: str) -> Result:
    """The command line in this process: a start of Python is most of what a command costs."""
    return CliRunner().invoke(app, arguments, env={"REDIS_URL": redis_url, **settings})


def lines(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_gets_ready_beats_fires_and_stops_at_a_signal(client, redis_url, tmp_path, signum):
    log = tmp_path / "log"
    with running(redis_url, log) as process:
        assert client.exists(keys.MONITORING_HEARTBEAT)
        burst(client, minutes_ago(client, 1))
        assert eventually(lambda: "alert.fired" in log.read_text())
        process.send_signal(signum)
        assert process.wait(60) == 0
    assert len(alerts(client)) == 1
    assert all({"time", "level", "logger", "event"} <= line.keys() for line in lines(log))
    said = [line["event"] for line in lines(log)]
    assert said == ["telemetry.off", "windows.restored", "monitoring.ready", "alert.fired",
                    "monitoring.stopping", "monitoring.stopped"]  # fmt: skip
    assert CANARY not in log.read_text()


def test_a_killed_service_started_again_fires_nothing_twice(client, redis_url, tmp_path):
    burst(client, minutes_ago(client, 1))
    with running(redis_url, tmp_path / "first") as process:
        process.kill()
    burst(client, minutes_ago(client, 0) + 1_000)
    with running(redis_url, tmp_path / "second"):
        pass
    assert len(alerts(client)) == 1


def test_it_stops_while_application_insights_hangs(client, redis_url, tmp_path):
    log = tmp_path / "log"
    with ingestion() as peer:
        peer.is_hanging = True
        settings = {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": peer.connection_string,
            "MONITORING_TELEMETRY_DIR": str(tmp_path / "telemetry"),
        }
        with running(redis_url, log, **settings) as process:
            burst(client, minutes_ago(client, 1))
            assert eventually(lambda: peer.requests > 0)
            process.send_signal(signal.SIGTERM)
            # The peer answers only after this: the process has to give up by itself.
            assert process.wait(60) == 0
    assert [line["event"] for line in lines(log)][-1] == "monitoring.stopped"


def test_it_sends_what_waits_before_it_ends(client, redis_url, tmp_path):
    log = tmp_path / "log"
    with ingestion() as peer:
        settings = {"APPLICATIONINSIGHTS_CONNECTION_STRING": peer.connection_string}
        settings["MONITORING_TELEMETRY_DIR"] = str(tmp_path / "telemetry")
        with running(redis_url, log, **settings) as process:
            burst(client, minutes_ago(client, 1))
            assert eventually(lambda: "alert.fired" in log.read_text())
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        assert len(peer.events("barometer.alert.fired")) == 1
        # The count is due once a minute: only the end can have sent it.
        assert "MetricData" in [envelope["data"]["baseType"] for envelope in peer.envelopes]


def test_status_shows_counts_open_alerts_and_the_last_ones(client: redis.Redis, redis_url):
    burst(client, minutes_ago(client, 1), count=7)
    burst(client, minutes_ago(client, 0.5), count=2, model="tone")
    before = run(redis_url, "status")
    assert "monitoring is not running" in before.stdout
    monitor(client).tick()
    (alert,) = alerts(client)
    over = replace(alert, id="negatives-tone-1-0", summary="over", fired_at=1.5)
    AlertBook(client).record(over)
    AlertBook(client).record(replace(over, resolved_at=2.25))
    after = run(redis_url, "status")
    assert after.returncode == 0
    assert "monitoring is running" in after.stdout
    rows = [
        [cell.strip() for cell in row.split("│")[1:-1]] for row in after.stdout.splitlines() if "│" in row
    ]
    assert rows[0] == ["sentiment", "7", "3", alert.id]
    assert rows[1] == ["tone", "2", "3", "-"]
    assert rows[2][1:] == ["open", "-", "warning", alert.summary, alert.id]
    times = ["1970-01-01 00:00:01.500Z", "1970-01-01 00:00:02.250Z"]
    assert rows[3] == [*times, "-", "warning", "over", over.id]


def test_status_shows_the_last_word_on_each_model(client, redis_url):
    at = minutes_ago(client, 0) // 1000
    minute = {"at": at - 60, "succeeded": 30, "failed": 10, "canceled": 5, "negative": 6,
              "p50_s": 0.0123, "p95_s": 0.5, "p99_s": 1.0}  # fmt: skip
    idle = {**minute, "at": at, "succeeded": 0, "failed": 0, "negative": 0, "p50_s": None, "p95_s": None}
    comparisons = [{"name": "labels", "is_drifting": True}, {"name": "sizes", "is_drifting": False}]
    model = {"minutes": [{**minute, "at": at - 700}, minute, idle], "drift": [{"comparisons": comparisons}],
             "quality": [{"accuracy": 0.875, "judged": 400, "estimated_accuracy": 0.9}]}  # fmt: skip
    told = {"history_at": at, "models": {"m": model, "new": {"minutes": [], "drift": [], "quality": []}}}
    assert "a minute" not in invoke(redis_url, "status", COLUMNS="220").stdout
    client.set(keys.OVERVIEW, json.dumps(told))
    shown = invoke(redis_url, "status", COLUMNS="220").stdout
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in shown.splitlines() if "│" in row]
    assert rows[-2:] == [
        ["m", "4.0", "25.0%", "20.0%", "0.0123 s", "0.5 s", "87.5% of 400", "90.0%", "labels"],
        ["new", "0.0", "-", "-", "-", "-", "-", "-", "-"],
    ]
    assert "as of" not in shown
    client.set(keys.OVERVIEW, json.dumps({**told, "history_at": 1.5}))
    assert "as of 1970-01-01 00:00:01.500Z" in invoke(redis_url, "status", COLUMNS="220").stdout


def test_an_alert_is_acknowledged_and_a_rule_silenced_from_the_command_line(client, redis_url):
    burst(client, minutes_ago(client, 1))
    monitor(client).tick()
    (alert,) = alerts(client)
    results = [invoke(redis_url, *asked) for asked in (
        ["ack", alert.id, "--by", "anna"], ["ack", "unknown"],
        ["silence", "negatives", "tone", "--minutes", "5"],
    )]  # fmt: skip
    assert [result.exit_code for result in results] == [0, 1, 0]
    assert results[0].stdout == "acknowledged\n"
    assert results[1].stderr == "There is no alert 'unknown'.\n"
    assert alerts(client)[0].acknowledged_by == "anna"
    assert "negatives tone" in invoke(redis_url, "status", COLUMNS="220").stdout


def test_status_with_redis_away_is_one_sentence(tmp_path):
    result = run(f"unix://{tmp_path}/none.sock", "status")
    assert result.returncode == 1
    assert result.stderr.startswith("Redis does not answer, check REDIS_URL")
    assert len(result.stderr.splitlines()) == 1


def test_erase_deletes_what_is_kept_of_a_prediction_or_of_a_key(client, redis_url, tmp_path):
    at = minutes_ago(client, 1)
    for seq, owner in enumerate(["key_1", "key_2", "key_2"]):
        predict(client, at, seq, owner=owner)
    history = History(database.connect(url := f"sqlite:///{tmp_path / 'history.db'}"))
    Follower(client, history, timedelta(days=1))()
    asked = [["--prediction", f"p{at}-0"], ["--key", "key_2"], []]
    results = [invoke(redis_url, "erase", *one, MONITORING_DATABASE_URL=url) for one in asked]
    assert [result.stdout.strip() for result in results] == ["1 rows erased", "2 rows erased", ""]
    assert [result.exit_code for result in results] == [0, 0, 2]


def test_erase_without_its_database_is_one_sentence(redis_url):
    result = invoke(redis_url, "erase", "--key", "k", MONITORING_DATABASE_URL="sqlite:////proc/none/h.db")
    assert result.exit_code == 1
    assert result.stderr.startswith("Not all was erased, say it again: ")
    assert len(result.stderr.splitlines()) == 1


def test_help_shows_examples(redis_url):
    assert "python -m monitoring status" in run(redis_url, "--help").stdout


@pytest.mark.parametrize("name", ["MONITORING_LIMIT", "APPLICATIONINSIGHTS_CONNECTION_STRING"])
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(redis_url, name):
    result = run(redis_url, **{name: "secret"})
    assert result.returncode == 2
    assert result.stderr.startswith(name)
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr


def test_what_redis_refuses_is_said_and_that_it_is_away_is_not_said_again(redis_url, caplog):
    with redis.Redis.from_url(redis_url) as client, redis.Redis(port=9) as away:
        client.lpush("list", "x")
        unless_redis_is_away(away.ping)()
        assert caplog.messages == []
        unless_redis_is_away(lambda: client.hget("list", "x"))()
    [record] = caplog.records
    assert (record.message, record.error) == ("step.refused", "ResponseError")
