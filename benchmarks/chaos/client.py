"""Steady load on all gateways: texts arrive by chance at one mean rate, whatever becomes of the others.

Each accepted prediction is followed until its end is seen, on any gateway that answers.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

import httpx2

from benchmarks.chaos.ledger import Answered, Ledger, Sent, Sighting, Witness
from contract.states import TERMINAL

#: Longer than any wait that is asked for; a gateway that stands still costs one request, not the run.
TIMEOUT_S = 15.0
#: Between two tries on gateways that do not answer.
RETRY_S = 0.3
#: GETs under way at once in the roll-call.
AT_ONCE = 16
#: Texts of a burst.
BURST = 40


class Client:
    """Sends, follows, and calls the roll.

    Args:
        apis: addresses of the gateways.
        receiver: where webhooks go; every second request asks for one.
        texts: drawn from by chance, always in the same order.
    """

    def __init__(self, apis: Sequence[str], receiver: str, texts: Sequence[str], ledger: Ledger) -> None:
        self._apis = apis
        self._receiver = receiver
        self._texts = texts
        self._ledger = ledger
        self._chance = random.Random(0)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False)
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = 0
        #: Ids, in the order of acceptance.
        self.accepted: list[str] = []
        self.followed = 0

    @property
    def open(self) -> int:
        """How many accepted predictions have not been seen to end."""
        return len(self.accepted) - self.followed

    async def run(self, rate: float, stop: asyncio.Event) -> None:
        """Send ``rate`` texts a second until ``stop``."""
        due = time.monotonic()
        while not stop.is_set():
            # Behind its schedule it sends at once: arrivals do not wait for a busy client.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += self._chance.expovariate(rate)
            self._send(self._chance.randrange(len(self._texts)))

    def burst(self) -> None:
        """Send the longest texts, all at once, so that the workers have their hands full for a moment."""
        longest = sorted(range(len(self._texts)), key=lambda text: -len(self._texts[text]))
        for text in longest[:BURST]:
            self._send(text)

    async def close(self) -> None:
        """Follow nothing any longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def call_roll(self) -> None:
        """Read every accepted prediction once more, and write down its state."""
        ids = iter(self.accepted)

        async def work() -> None:
            for id in ids:
                self._ledger.write(await self._last(id))

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    def _send(self, text: int) -> None:
        task = asyncio.create_task(self._one(self.sent, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.sent += 1

    async def _one(self, n: int, text: int) -> None:
        body: dict[str, Any] = {"input": {"text": self._texts[text]}, "metadata": {"n": n}}
        if webhook := n % 2 == 0:
            body["webhook"] = self._receiver
        headers = {"Prefer": "wait=5"} if n % 3 == 0 else {}
        self._ledger.write(Sent(n=n, at=time.time(), text=text, webhook=webhook))
        url = f"{self._chance.choice(self._apis)}/v1/predictions"
        try:
            answer = await self._http.post(url, json=body, headers=headers)
        except httpx2.HTTPError as error:
            # It may have been accepted: then it must end all the same, but nobody was promised anything.
            self._ledger.write(Answered(n=n, at=time.time(), status=0, said=type(error).__name__))
            return
        id = answer.json()["id"] if answer.status_code in (201, 202) else ""
        self._ledger.write(Answered(n=n, at=time.time(), status=answer.status_code, id=id))
        if not id:
            return
        self.accepted.append(id)
        prediction = answer.json()
        while prediction is None or prediction["status"] not in TERMINAL:
            prediction = await self._get(id, "wait=10")
        self._ledger.write(Sighting.of_object(prediction, at=time.time(), by=Witness.GET))
        self.followed += 1

    async def _get(self, id: str, prefer: str) -> dict[str, Any] | None:
        """Ask a gateway; None after a pause when it has no answer."""
        try:
            answer = await self._http.get(
                f"{self._chance.choice(self._apis)}/v1/predictions/{id}", headers={"Prefer": prefer}
            )
        except httpx2.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
        await asyncio.sleep(RETRY_S)
        return None

    async def _last(self, id: str) -> Sighting:
        for _ in range(3):
            if prediction := await self._get(id, "wait=0"):
                return Sighting.of_object(prediction, at=time.time(), by=Witness.LAST)
        return Sighting(at=time.time(), by=Witness.LAST, id=id, status="unreadable")
