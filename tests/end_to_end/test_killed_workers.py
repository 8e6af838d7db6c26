"""Workers that die with work in their hands: nothing is lost, nothing ends twice, nothing is told."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.end_to_end import texts
from tests.end_to_end.barometer import Barometer
from tests.working import wait_for

#: So many are waiting when the worker begins, so that it is met with a full batch.
AHEAD = 128


def test_every_text_ends_once_though_the_worker_is_killed_twice_and_no_log_has_it(
    barometer: Barometer,
) -> None:
    sent = texts.starter(300, skip=1000) + texts.beside(300)
    deaths = barometer.launcher.said().count("died_by=SIGKILL")
    ids: list[str] = []
    go_on = threading.Event()

    def send(text: str) -> None:
        if len(ids) >= AHEAD:
            go_on.wait(60)
        ids.append(barometer.create(text)["id"])

    with ThreadPoolExecutor(8) as senders:
        with barometer.worker_paused():
            sending = senders.map(send, sent)
            wait_for(lambda: len(ids) >= AHEAD)
        first = barometer.catch_worker()
        go_on.set()
        os.kill(first, signal.SIGKILL)
        lost = barometer.leases()
        second = barometer.catch_worker(old=lost)
        os.kill(second, signal.SIGKILL)
        list(sending)

    ended = [barometer.ended(id) for id in ids]
    assert len(ended) == len(sent)
    assert {prediction["status"] for prediction in ended} == {"succeeded"}
    assert {prediction["input"]["text"] for prediction in ended} == set(sent)
    assert sum(prediction["attempts"] > 1 for prediction in ended) >= len(lost) > 0
    ends = barometer.ends()
    assert {ends[id] for id in ids} == {1}
    assert first != second
    assert barometer.launcher.said().count("died_by=SIGKILL") == deaths + 2
    assert seen(sent, barometer.logs()) == []


def seen(sent: list[str], logs: str) -> list[str]:
    """The texts that are in the logs, as they are or in any of the ways JSON writes them."""
    return [
        text
        for text in sent
        if text in logs
        or json.dumps(text)[1:-1] in logs
        or json.dumps(text, ensure_ascii=False)[1:-1] in logs
    ]
