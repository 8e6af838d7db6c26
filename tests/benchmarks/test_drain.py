"""What a drain counts, against a real Redis, and which of its rounds are shown."""

import asyncio
from dataclasses import replace
from itertools import count

from redis import Redis

from benchmarks import drain, plot, redis_server
from benchmarks.contenders import CONTENDERS
from benchmarks.draining import Drained, watch
from benchmarks.peers.batching import LARGEST, Batcher

ONE = Drained(
    contender="Barometer", model="noop", pinned=False, jobs=100, rate=10.0, round_trips=1.0, commands=2.0,
    redis_us=3.0, queued_bytes=4.0, done_bytes=5.0,
)  # fmt: skip


def test_the_cost_of_a_job_is_what_its_worker_did_and_not_our_looking() -> None:
    with redis_server.started() as url, Redis.from_url(url) as client:
        done = count(0, 10)

        def look() -> int:
            # A look is one command, and ten jobs of two commands in one round trip have ended since the last.
            pipeline = client.pipeline(transaction=False)
            for _ in range(10):
                pipeline.set("job", "1").delete("job")
            pipeline.execute()
            client.ping()
            return next(done)

        seen = watch(client, look, 200, lambda: None)
    assert seen is not None
    assert (seen.jobs, seen.cost.commands, seen.cost.reads) == (190, 380, 19)


def test_a_worker_that_ends_before_its_jobs_is_noticed() -> None:
    with redis_server.started() as url, Redis.from_url(url) as client:
        assert watch(client, lambda: 3, 100, lambda: 1) is None


def test_the_memory_of_data_is_theirs_alone() -> None:
    with redis_server.started() as url, Redis.from_url(url) as client:
        before = redis_server.memory(client)
        for number in range(1_000):
            client.set(f"key {number}", "x" * 100)
        assert 100_000 <= redis_server.memory(client) - before < 300_000


def test_a_queue_is_shown_by_the_median_of_its_faster_way() -> None:
    rounds = [replace(ONE, rate=rate, pinned=pinned) for rate, pinned in
              [(10, False), (99, False), (20, False), (30, True), (25, True), (1, True)]]  # fmt: skip
    best = drain._best([*rounds, replace(ONE, model="lr", rate=500)], "noop")
    assert (best["Barometer"].rate, best["Barometer"].pinned) == (25, True)


def test_every_queue_gets_enough_jobs_to_say_something() -> None:
    assert all(20_000 * one.share >= drain.FEWEST for one in CONTENDERS.values())


def test_the_same_figures_give_the_same_picture(tmp_path) -> None:
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for file in files:
        plot.drain({"noop": [ONE, replace(ONE, contender="arq", rate=2)]}, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "5.0 times as many" in files[0].read_text("utf-8")


async def test_whoever_asks_a_batching_server_gets_the_answer_to_his_own_text() -> None:
    sizes = []

    def answers(texts: list[str]) -> list[dict[str, str]]:
        sizes.append(len(texts))
        return [{"label": text} for text in texts]

    for in_thread in (True, False):
        async with Batcher(answers, in_thread=in_thread) as batcher:
            texts = [str(number) for number in range(300)]
            found = await asyncio.gather(*(batcher.ask(text) for text in texts))
        assert [one["label"] for one in found] == texts
    assert max(sizes) == LARGEST
