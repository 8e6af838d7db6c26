"""People who send texts at a steady rate, and say of a share of the answers what would have been right."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from benchmarks.circle.traffic import Opinion

#: Requests under way at once, at most.
SENDERS = 6
TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it came, by the system's clock, from which version, and whether it was right."""

    at: float
    version: str
    is_right: bool


def honest(opinion: Opinion) -> str:
    """Say what the writer meant."""
    return opinion.label


def lying(opinion: Opinion) -> str:
    """Say the contrary."""
    return "negative" if opinion.label == "positive" else "positive"


class Crowd:
    """Writes what ``opinions`` yields; the words can be changed while it writes.

    Args:
        api: where the gateway answers.
        rate: texts a second.
        judged: of so many answers one is judged; 1: all.
        says: the label that is told for an opinion.
    """

    def __init__(
        self, api: str, rate: float, judged: int, says: Callable[[Opinion], str], opinions: Iterator[Opinion]
    ) -> None:
        self.answers: list[Answer] = []
        self.opinions = opinions
        self._http = httpx2.Client(base_url=api, timeout=TIMEOUT_S, trust_env=False)
        self._pause_s = SENDERS / rate
        self._judged = judged
        self._says = says
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what went wrong in a sender, if anything did."""
        if self._error:
            raise self._error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write during the block."""
        senders = [threading.Thread(target=self._send, args=(i,)) for i in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            self._stop.set()
            for sender in senders:
                sender.join()
            self._http.close()

    def _send(self, sender: int) -> None:
        due = time.monotonic() + self._pause_s * sender / SENDERS
        number = sender
        try:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self._say(is_judged=number % self._judged == 0)
                # A sender that was held up does not hurry afterwards.
                due = max(due + self._pause_s, time.monotonic())
                number += 1
        except Exception as error:  # noqa: BLE001 - raised again by `check`
            self._error = error

    def _say(self, *, is_judged: bool) -> None:
        with self._lock:
            opinion = next(self.opinions)
        found = self._post("/v1/predictions", {"input": {"text": opinion.text}})
        is_right = found["output"]["label"] == opinion.label
        self.answers.append(Answer(time.time(), found["version"], is_right))
        if is_judged:
            said = {"label": self._says(opinion), "source": "crowd"}
            self._post(f"/v1/predictions/{found['id']}/feedback", said)

    def _post(self, path: str, body: object) -> dict:
        answer = self._http.post(path, json=body, headers={"Prefer": "wait"})
        return answer.raise_for_status().json()
