"""What somebody tries in the first minutes: the printed request, a poll, a webhook."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from standardwebhooks import Webhook

from tests.end_to_end import direct, texts
from tests.end_to_end.barometer import Barometer
from tests.gateway.receiver import receiving
from tests.working import wait_for


@pytest.fixture
def curl_home(tmp_path):
    """A place where curl is told to print the status too, without a change to the printed line."""
    if shutil.which("curl") is None:
        message = "no curl on PATH: 'apt install curl'"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    (tmp_path / ".curlrc").write_text('write-out = "\\n%{http_code}"\nnoproxy = "*"\n')
    return tmp_path


def test_the_printed_request_works_as_it_is(barometer: Barometer, curl_home) -> None:
    [line] = [line for line in barometer.banner.splitlines() if line.startswith("  curl ")]
    said = subprocess.run(
        line,
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CURL_HOME": str(curl_home)},
    )
    body, _, status = said.stdout.rpartition("\n")
    prediction = json.loads(body)
    assert status == "201"
    assert prediction["status"] == "succeeded"
    assert prediction["version"] == "1"
    assert prediction["output"]["label"] == "positive"
    scores = {entry["label"]: entry["score"] for entry in prediction["output"]["scores"]}
    assert prediction["output"]["score"] == max(scores.values()) == scores["positive"]
    assert sum(scores.values()) == pytest.approx(1)
    timings = [prediction["metrics"][f"{part}_time"] for part in ("queue", "inference", "predict", "total")]
    assert all(isinstance(seconds, float) and seconds >= 0 for seconds in timings)


def test_a_prediction_is_seen_starting_processing_and_succeeded(barometer: Barometer) -> None:
    long = "We waited three hours and nobody said a word. " * 2000
    with barometer.worker_paused():
        ids = [barometer.create(long)["id"] for _ in range(20)]
        assert {barometer.read(id)["status"] for id in ids} == {"starting"}
    pid = barometer.catch_worker(lambda: ids.append(barometer.create(long)["id"]))
    try:
        held = {lease.partition(":")[0] for lease in barometer.leases()}
        assert held <= set(ids)
        assert {barometer.read(id)["status"] for id in held} == {"processing"}
    finally:
        os.kill(pid, signal.SIGCONT)
    assert {barometer.ended(id)["status"] for id in ids} == {"succeeded"}


def test_the_service_says_what_the_registered_model_says(barometer: Barometer) -> None:
    sent = [*texts.starter(40), "😀" * 20, "  kein Satz, nur Wörter  ", "a"]
    served = [barometer.ended(id) for id in [barometer.create(text)["id"] for text in sent]]
    said = direct.ask(barometer.mlflow, "models:/sentiment@champion", sent)
    assert [one["output"]["label"] for one in served] == [one["label"] for one in said]
    for one, other in zip(served, said, strict=True):
        scores = {entry["label"]: entry["score"] for entry in one["output"]["scores"]}
        assert one["output"]["score"] == pytest.approx(other["score"], abs=1e-9, rel=0)
        assert scores == pytest.approx(other["scores"], abs=1e-9, rel=0)


def test_a_webhook_reaches_its_receiver_signed(barometer: Barometer) -> None:
    secret = barometer.http.get("/v1/webhooks/default/secret").json()["key"]
    with receiving() as receiver:
        id = barometer.create("A calm crossing.", webhook=receiver.url, metadata={"order": 7})["id"]
        wait_for(lambda: receiver.received)
        [received] = receiver.received
    told = Webhook(secret).verify(received.body, received.headers)
    assert told == barometer.read(id)
    assert told["status"] == "succeeded"
