"""The load against a real HTTP server in this process."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks import client
from benchmarks.client import Load


class Echo(BaseHTTPRequestHandler):
    """Answers with the text it was given as the label; refuses an empty one, thinks about a hard one.

    Hangs up on a connection that rests for 0.2 s, as servers do after some seconds.
    """

    protocol_version = "HTTP/1.1"
    timeout = 0.2

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["input"]["text"]
        time.sleep(0.6 if text == "hard" else 0)
        answer = json.dumps({"id": "7", "output": {"label": text, "scores": [{"label": "other"}]}}).encode()
        self.server.prefer.append(self.headers["Prefer"])  # type: ignore[attr-defined]
        self.send_response(200 if text else 422)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        # In two pieces: an answer need not arrive at once.
        self.wfile.write(answer[:5])
        self.wfile.flush()
        self.wfile.write(answer[5:])

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        server.prefer = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def load(server: ThreadingHTTPServer, texts: list[str], **more: Any) -> Load:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1/predictions"
    bodies = [json.dumps({"input": {"text": text}}) for text in texts]
    return Load(**{"url": url, "connections": 3, "requests": 20, "warm_up": 4, "bodies": bodies, **more})


def test_every_request_is_answered_and_the_warm_up_is_not_counted(server: ThreadingHTTPServer) -> None:
    measured = client.measure(load(server, ["a", "b"], labels=["a", "b"]))
    assert (len(measured.latencies_ms), measured.statuses, measured.wrong) == (20, {"200": 24}, 0)
    assert set(server.prefer) == {"wait"}


def test_a_server_may_hang_up_on_a_connection_that_has_nothing_to_say(server: ThreadingHTTPServer) -> None:
    """One waits for the hard text, in the warm-up or at the end, while the others are done."""
    for texts in (["hard", *"abcdefgh"], [*"abcdefgh", "hard"]):
        measured = client.run(load(server, texts, warm_up=3, requests=6))
        assert (len(measured.latencies_ms), measured.statuses) == (6, {"200": 9})


def test_the_clock_runs_from_the_last_answer_of_the_warm_up(server: ThreadingHTTPServer) -> None:
    begun = time.perf_counter()
    measured = client.measure(load(server, ["hard", "a"], connections=1, warm_up=1, requests=1))
    assert time.perf_counter() - begun - measured.wall_s >= 0.6


def test_an_answer_that_belongs_to_another_text_is_wrong(server: ThreadingHTTPServer) -> None:
    measured = client.measure(load(server, ["a", "b"], labels=["a", "other"]))
    assert measured.wrong == 12


def test_it_ends_when_the_time_is_up(server: ThreadingHTTPServer) -> None:
    measured = client.measure(load(server, ["a"], requests=10**9, seconds=0.2))
    assert 0 < len(measured.latencies_ms) < 10**6


def test_a_queue_can_be_filled_without_waiting_for_the_answers(server: ThreadingHTTPServer) -> None:
    client.measure(load(server, ["a"], wait=False))
    assert set(server.prefer) == {None}


def test_a_refusal_stops_the_benchmark(server: ThreadingHTTPServer) -> None:
    with pytest.raises(SystemExit, match="422"):
        client.run(load(server, [""]))


def test_a_server_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(SystemExit, match="could not be measured: ConnectionRefusedError"):
        client.run(Load(url="http://127.0.0.1:9/", connections=1, requests=1, warm_up=0, bodies=["x"]))


def test_wrong_answers_stop_the_benchmark_when_they_are_more_than_the_model_allows(
    server: ThreadingHTTPServer,
) -> None:
    half_wrong = {"texts": ["a", "b"], "labels": ["a", "other"]}
    client.run(load(server, **half_wrong, tolerance=0.5))
    with pytest.raises(SystemExit, match="gave 12 answers that the model does not give"):
        client.run(load(server, **half_wrong, tolerance=0.4))
