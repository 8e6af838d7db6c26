"""What becomes of a server that does not bear a load: shown, and the others are measured."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks import plot, serving
from benchmarks.client import Load, Unmeasured
from benchmarks.servers import OURS, Server
from benchmarks.serving import Served

PEER = Server("Peer")
CROWDS = (1, 4, 2)
#: Of ``CROWDS``, the one that ``Weak`` does not bear.
TOO_MANY = 4


class Weak(BaseHTTPRequestHandler):
    """Hangs up on everybody once too many are connected at a time."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.crowd.add(self)  # type: ignore[attr-defined]
        self.server.was_full |= len(self.server.crowd) >= TOO_MANY  # type: ignore[attr-defined]

    def finish(self) -> None:
        super().finish()
        self.server.crowd.discard(self)  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.was_full:  # type: ignore[attr-defined]
            self.close_connection = True
            return
        answer = b'{"label": "a"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


Start = Callable[[], AbstractContextManager[str]]


@pytest.fixture
def starts() -> tuple[Start, list[str]]:
    """A function that starts the server, and the addresses it had each time."""
    urls: list[str] = []

    @contextmanager
    def start() -> Iterator[str]:
        with ThreadingHTTPServer(("127.0.0.1", 0), Weak) as server:
            server.daemon_threads = True
            server.crowd, server.was_full = set(), False
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            urls.append(f"http://127.0.0.1:{server.server_address[1]}/")
            try:
                yield urls[-1]
            finally:
                server.shutdown()
                thread.join()

    return start, urls


def asked(label: str = "a") -> Load:
    body = json.dumps({"input": {"text": "a"}})
    return Load(url="", connections=1, requests=3, warm_up=0, bodies=[body], labels=[label])


def test_a_peer_that_fails_under_one_load_is_started_anew_for_the_next(
    starts: tuple[Start, list[str]],
) -> None:
    start, urls = starts
    found = serving.measure(PEER, start, asked(), 0.1, CROWDS)
    assert [one.connections for one in found] == [*CROWDS]
    assert [bool(one.failure) for one in found] == [False, True, False]
    assert "could not be measured" in found[1].failure
    assert [one.rate > 0 for one in found] == [True, False, True]
    assert len(urls) == 2


def test_a_peer_that_answers_wrongly_has_no_figures(starts: tuple[Start, list[str]]) -> None:
    start, _ = starts
    found = serving.measure(PEER, start, asked("b"), 0.1, (1, 2))
    assert ["gave 3 answers that the model does not give" in one.failure for one in found] == [True, True]


def test_barometers_own_failure_ends_the_benchmark(starts: tuple[Start, list[str]]) -> None:
    start, _ = starts
    with pytest.raises(Unmeasured, match="could not be measured"):
        serving.measure(OURS, start, asked(), 0.1, CROWDS)


def of_all_loads(server: Server) -> list[Served]:
    return [Served(server.name, True, count, 50.0, 2.0, 3.0, 4.0) for count in serving.CONNECTIONS]


def test_one_failure_among_the_rounds_is_shown_as_such_and_the_rest_as_medians() -> None:
    peer = of_all_loads(PEER)
    failed = Served(PEER.name, True, 256, failure="the server closed a connection")
    rounds = [
        *of_all_loads(OURS), *peer, *(replace(one, rate=20.0) for one in peer[:-1]), failed,
        *(replace(one, rate=10.0) for one in peer),
    ]  # fmt: skip
    medians = serving._medians(rounds)
    assert medians[-1] == failed
    assert [one.rate for one in medians[4:7]] == [20.0, 20.0, 20.0]
    ours, theirs = (_cells(line) for line in serving._rates(medians).splitlines()[2:])
    assert ours == ["Barometer", "yes", *["50"] * 4, *["1.00"] * 4]
    assert theirs == ["Peer", "yes", "20", "20", "20", "fails", "2.50", "2.50", "2.50", "-"]
    assert serving._latencies(medians).count("fails") == 2


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_failure_is_written_into_the_picture_and_draws_no_line(tmp_path) -> None:
    whole = [*of_all_loads(OURS), *of_all_loads(PEER)]
    failed = [*whole[:-1], Served(PEER.name, True, 256, failure="it hung up")]
    pictures = []
    for served in (whole, failed):
        plot.serving(served, tmp_path / "picture.svg")
        pictures.append((tmp_path / "picture.svg").read_text("utf-8"))
    # Once in each of the two panels.
    assert [picture.count(">fails<") for picture in pictures] == [0, 2]
