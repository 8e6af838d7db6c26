"""People are told of alerts through Apprise: once, again if it failed, and not for ever."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monitoring.alerts import AlertBook
from monitoring.errors import ConfigurationError
from monitoring.events import now_ms
from monitoring.notices import DUE, GIVEN_UP_AFTER, Notice, NoticeBook, retry_at
from monitoring.notifying import Notifier, targets
from tests.monitoring.stream import burst, minutes_ago, monitor
from tests.monitoring.test_alerts import FIRED

SECRET = "sesame"
#: Apprise's plugin for signed e-mail imports it where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@dataclass
class Receiver:
    """A receiver of Apprise's JSON notices."""

    port: int = 0
    status: int = 200
    bodies: list[dict] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/"


@contextmanager
def receiving() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if state.status == 200:
                state.bodies.append(body)
            self.send_response(state.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def make_all_due(client) -> None:
    client.zadd(DUE, dict.fromkeys(client.zrange(DUE, 0, -1), 1.0))


def test_an_alert_reaches_its_target_once_when_it_fires_and_once_when_it_ends(client):
    with receiving() as receiver:
        found = targets(receiver.url)
        watch, notifier = monitor(client, targets=found), Notifier(client, found)
        client.set("barometer:monitoring:cursor", "1-0")
        burst(client, minutes_ago(client, 20))
        watch.tick()
        watch.tick()
        for _ in range(3):
            notifier()
    assert [(body["title"], body["message"]) for body in receiver.bodies] == [
        ("alert.fired: negatives sentiment",
         "[warning] 4 negative results of sentiment within 300 s (limit 3)"),
        ("alert.resolved: negatives sentiment",
         "[warning] 4 negative results of sentiment within 300 s (limit 3)"),
    ]  # fmt: skip
    assert NoticeBook(client).oldest() is None


def test_a_silenced_alert_is_told_to_nobody(client):
    AlertBook(client).silence("negatives", "", 60)
    burst(client, minutes_ago(client, 1))
    watch = monitor(client, targets=["slack-1"])
    watch.tick()
    watch.tick()
    assert NoticeBook(client).due(now_ms(client)) == []


def test_a_target_that_is_down_is_said_once_tried_again_and_holds_up_no_other(client, caplog):
    caplog.set_level(logging.INFO)
    AlertBook(client).record(FIRED)
    with receiving() as down, receiving() as up:
        down.status = 500
        found = targets(f"{down.url} {up.url}")
        NoticeBook(client).add(found, "alert.fired", FIRED.id, now_ms(client) / 1000)
        notifier = Notifier(client, found)
        notifier()
        notifier()
        assert (len(down.bodies), len(up.bodies)) == (0, 1)
        make_all_due(client)
        notifier()
        (left,) = NoticeBook(client).due(now_ms(client) + 10**6)
        assert left.attempts == 2
        down.status = 200
        make_all_due(client)
        notifier()
        assert (len(down.bodies), len(up.bodies)) == (1, 1)
    assert [r.getMessage() for r in caplog.records] == ["target.failing", "target.recovered"]
    assert SECRET not in caplog.text + repr([record.__dict__ for record in caplog.records])


def test_nobody_listening_is_a_target_that_is_down(client):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = targets(f"json://127.0.0.1:{free.getsockname()[1]}/")
    AlertBook(client).record(FIRED)
    NoticeBook(client).add(found, "alert.fired", FIRED.id, now_ms(client) / 1000)
    Notifier(client, found)()
    assert NoticeBook(client).oldest() is not None


def test_a_notice_for_a_target_that_was_taken_away_is_forgotten(client):
    NoticeBook(client).add(["slack-1"], "alert.fired", FIRED.id, 1.0)
    Notifier(client, {})()
    assert NoticeBook(client).oldest() is None


@pytest.mark.parametrize(
    ("attempts", "since", "wait_s"),
    [(0, 0, 5), (1, 0, 15), (5, 0, 3600), (99, 0, 3600), (0, GIVEN_UP_AFTER.total_seconds(), None)],
)
def test_a_notice_is_tried_again_ever_less_often_and_given_up_after_a_day(attempts, since, wait_s):
    notice = Notice("slack-1", "alert.fired", "a", attempts, since=1_000.0)
    now = 1_000.0 + since
    assert retry_at(notice, now) == (None if wait_s is None else now + wait_s)


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", SECRET])
def test_a_target_that_apprise_cannot_read_is_refused_without_its_password(url, caplog):
    with pytest.raises(ConfigurationError) as refused:
        targets(url)
    assert "MONITORING_NOTIFY" in str(refused.value)
    assert SECRET not in str(refused.value) + caplog.text
