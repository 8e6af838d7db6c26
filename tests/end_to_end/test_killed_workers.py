"""Workers that die with work in their hands: nothing is lost, nothing ends twice, nothing is told."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

from tests.end_to_end import texts
from tests.end_to_end.barometer import Barometer

#: Sent at once while the worker stands still: more than a batch.
AT_ONCE = 150


def test_every_text_ends_once_though_the_worker_is_killed_twice_and_no_log_has_it(
    barometer: Barometer,
) -> None:
    rest = cycle(texts.starter(300, skip=1000) + texts.beside(300))
    sent: list[str] = []
    ids: list[str] = []
    deaths = barometer.launcher.said().count("died_by=SIGKILL")

    def send(text: str) -> str:
        return str(barometer.create(text)["id"])

    with ThreadPoolExecutor(8) as senders:

        def feed() -> None:
            some = list(islice(rest, AT_ONCE))
            ids.extend(senders.map(send, some))
            sent.extend(some)

        feed()
        first = barometer.catch_worker(feed)
        os.kill(first, signal.SIGKILL)
        lost = barometer.leases()
        feed()
        second = barometer.catch_worker(feed, old=lost)
        os.kill(second, signal.SIGKILL)

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
