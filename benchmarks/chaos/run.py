"""One run from an empty folder to a ledger that nobody writes any more."""

import asyncio
import contextlib
import csv
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from benchmarks import direct
from benchmarks.chaos.balance import Labels
from benchmarks.chaos.client import Client
from benchmarks.chaos.faults import Strike, Striker
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.observers import Receiver, StreamReader
from benchmarks.chaos.plan import plan
from benchmarks.fleet import Fleet, Shape
from benchmarks.rows import STARTER, read
from contract import keys

#: Texts that are sent, drawn again and again; the model is asked about each directly.
TEXTS = 300
#: Some more are as long as so many together: a batch of them takes a worker a tenth of a second.
LONG_TEXTS, LONG = 40, 100
#: Enough for a second version that answers otherwise than the first.
SECOND_VERSION_ROWS = 600
VERSIONS = ("1", "2")
#: A webhook whose gateway was killed comes again after half a minute.
PATIENCE_S = 120.0
PROGRESS_S = 10.0
#: No strikes at the end of the load: the recovery from the last one must be seen too.
QUIET_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says: seconds of load, seed of plan and load, mean seconds between strikes."""

    seconds: float
    seed: int
    every_s: float
    rate: float
    fsync: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run leaves behind beside the ledger: the load began at ``begun``, seconds since the epoch."""

    strikes: Sequence[Strike]
    begun: float
    lasted_s: float
    leftovers: dict[str, int]
    alerts_twice: int
    labels: Labels = field(default_factory=dict)


def ledgers(folder: Path) -> list[Path]:
    """Return the files that the witnesses of a run write."""
    return [folder / f"{witness}.jsonl" for witness in ("client", "stream", "webhooks")]


async def chaos(folder: Path, options: Options) -> Seen:
    """Start all, strike, settle, stop all.

    The first Ctrl-C after the start ends the strikes, the second the wait for what is open. A part that dies
    again and again without being struck ends the run too, and is among what is left.

    Raises:
        SystemExit: the model could not be trained, or something did not start.
        PartFailed: a part did not come up.
    """
    fleet = Fleet(folder, Shape(fsync=options.fsync), {})
    say("starting the service, which trains two models ...")
    try:
        await fleet.start()
        rows = random.Random(options.seed).sample(read(STARTER), TEXTS + LONG_TEXTS * LONG)
        texts = [row.text for row in rows[:TEXTS]]
        texts += [" ".join(row.text for row in rows[TEXTS + n :: LONG_TEXTS]) for n in range(LONG_TEXTS)]
        labels = await _labels(fleet, texts)
        stop, hurry = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, partial(_on_ctrl_c, stop, hurry))
        work = asyncio.create_task(_work(fleet, options, texts, stop, hurry))
        keeping = asyncio.create_task(fleet.keep())
        try:
            await asyncio.wait((work, keeping), return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            if keeping.done():
                hurry.set()
            seen = replace(await work, labels=labels)
        finally:
            # Before the fleet is stopped: what it stops would be started again.
            for task in (work, keeping):
                task.cancel()
            _, failure = await asyncio.gather(work, keeping, return_exceptions=True)
        if isinstance(failure, ExceptionGroup):
            for error in failure.exceptions:
                seen.leftovers[str(error)] = 1
        return seen
    finally:
        await fleet.stop()


def _on_ctrl_c(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    (hurry if stop.is_set() else stop).set()


async def _work(
    fleet: Fleet, options: Options, texts: Sequence[str], stop: asyncio.Event, hurry: asyncio.Event
) -> Seen:
    files = [Ledger(file) for file in ledgers(fleet.folder)]
    redis = fleet.redis()
    reader, receiver = StreamReader(redis, files[1]), Receiver(files[2])
    async with receiver.listening():
        client = Client(fleet.apis, receiver.url, texts, files[0])
        striker = Striker(fleet, random.Random(options.seed), VERSIONS, client.burst)
        begun = time.time()
        reading = asyncio.create_task(reader.run())
        progress = asyncio.create_task(_progress(client, reader, striker, begun))
        load = asyncio.create_task(client.run(options.rate, stop))
        strikes = plan(options.seed, options.seconds - QUIET_S, options.every_s)
        striking = asyncio.create_task(striker.run(strikes))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), options.seconds)
        stop.set()
        lasted_s = time.time() - begun
        await load
        await _end(striking)
        say("no more texts, no more strikes: waiting until all has settled ...")
        await striker.close()
        left = await _settle(fleet, client, hurry)
        if hurry.is_set():
            say("stopped before it had settled: what is open counts as lost.")
        else:
            say(f"reading all {len(client.accepted):,} once more ...")
            await client.call_roll()
        await client.close()
        await _end(reading, progress)
    await redis.aclose()
    for file in files:
        file.close()
    alerts_twice = sum(count > 1 for count in reader.alerts.values())
    return Seen(
        strikes=striker.strikes, begun=begun, lasted_s=lasted_s, leftovers=left, alerts_twice=alerts_twice
    )


async def _labels(fleet: Fleet, texts: list[str]) -> Labels:
    """Train a second version, and ask both about every text without the service; the first serves again."""
    small = fleet.folder / "small.csv"
    with small.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("text", "label"))
        writer.writerows((row.text, row.label) for row in read(STARTER)[:SECOND_VERSION_ROWS])
    await fleet.run("trainer", "train", "tfidf", "--data", str(small), "--no-promote")
    labels: dict[tuple[int, str], str] = {}
    for version in reversed(VERSIONS):
        await fleet.move_alias(version)
        said = await asyncio.to_thread(direct.ask, fleet.mlflow, texts)
        labels |= {(number, version): label for number, label in enumerate(said.labels)}
    return labels


async def _settle(fleet: Fleet, client: Client, hurry: asyncio.Event) -> dict[str, int]:
    """Wait until nothing is open any more; return what still is when the patience is over."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        left = {"accepted and never seen to end by GET": client.open, **await _leftovers(fleet)}
        if not any(left.values()) or time.monotonic() > deadline or hurry.is_set():
            return {name: count for name, count in left.items() if count}
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), 1)


async def _leftovers(fleet: Fleet) -> dict[str, int]:
    async with fleet.redis() as redis:
        try:
            queues = await redis.smembers(keys.QUEUES)
            return {
                "waiting in Redis": sum([await redis.llen(queue) for queue in queues]),
                "leased in Redis": await redis.zcard(keys.LEASES),
                "webhooks due in Redis": await redis.zcard(keys.OUTBOX),
            }
        except (RedisError, OSError):
            return {"Redis does not answer": 1}


async def _progress(client: Client, reader: StreamReader, striker: Striker, begun: float) -> None:
    told = 0
    mentioned = begun
    while True:
        await asyncio.sleep(0.2)
        for strike in striker.strikes[told:]:
            held = "" if strike.held is None else f", {strike.held} predictions in its hands"
            done = held if strike.is_done else ": was dead"
            say(f"{strike.at - begun:7.1f} s  {strike.kind} {strike.target}{done}")
        told = len(striker.strikes)
        if time.time() - mentioned > PROGRESS_S:
            mentioned = time.time()
            say(
                f"{mentioned - begun:7.1f} s  sent {client.sent:,}, accepted {len(client.accepted):,}, "
                f"ended {reader.ended:,}, open {client.open:,}"
            )


async def _end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks, wait for them, and raise what one of them raised before."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def say(sentence: str) -> None:
    """Tell a person how it goes."""
    print(sentence, file=sys.stderr, flush=True)
