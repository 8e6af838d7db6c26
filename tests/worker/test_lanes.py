"""Who is claimed first, who is not forgotten, and who runs alone."""

from collections import Counter
from datetime import timedelta

import pytest
from redis import Redis

from contract import jobs, keys
from contract.jobs import Lane
from contract.labels import answer
from tests.worker.test_queue import expire_leases, stored
from worker.batch import Batch, Job, Outcome
from worker.queue import CLAIMED_SIZE, Queue

ANSWER = answer(["negative", "positive"], [0.25, 0.75])


def named(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number:04}" for number in range(count))


def fill(submit, **lanes: int) -> None:
    """Put so many jobs into each lane; ids begin with the lane's first letter."""
    for lane, count in lanes.items():
        submit(*[f"a {lane} text"] * count, ids=named(lane[0], count), lane=Lane(lane))


def letters(claimed: list[Job]) -> str:
    return "".join(job.id[0] for job in claimed)


def waiting(redis: Redis) -> int:
    return int(redis.hget(keys.backlog("sentiment"), "size") or 0)


def test_the_urgent_go_first_and_the_rest_of_the_batch_is_filled_in_order(queue: Queue, submit) -> None:
    fill(submit, bulk=3, default=3, high=3)
    assert letters(queue.claim(9).jobs) == "hhhdddbbb"


def test_nobody_starves_while_the_urgent_keep_coming(queue: Queue, submit) -> None:
    fill(submit, bulk=50, default=100, high=400)
    served = Counter(letters([job for _ in range(20) for job in queue.claim(20).jobs]))
    assert served == {"h": 300, "d": 80, "b": 20}, "a fifth and a twentieth are theirs"


def test_a_claim_of_one_at_a_time_is_as_fair(queue: Queue, submit) -> None:
    fill(submit, bulk=10, default=30, high=100)
    served = Counter(letters([job for _ in range(100) for job in queue.claim(1).jobs]))
    assert (served["d"], served["b"]) in ((20, 5), (20, 4)), "where both are owed one at once, one waits"


def test_a_lower_lane_alone_gets_everything(queue: Queue, submit) -> None:
    fill(submit, bulk=10)
    assert letters(queue.claim(8).jobs) == "b" * 8


def test_explanations_wait_apart_and_are_announced(queue: Queue, submit) -> None:
    submit("why", lane=Lane.EXPLAIN, options={"explain": True})
    claimed = queue.claim(8)
    assert (claimed.jobs, claimed.left, claimed.aside) == ([], 0, 1)
    [job] = queue.claim_aside().jobs
    assert job.input == {"text": "why", "explain": True}


def test_each_registry_holds_its_own_lane(queue: Queue, submit, redis: Redis) -> None:
    fill(submit, bulk=2, high=1)
    claimed = queue.claim(8).jobs
    bulk, high = jobs.queue_name("sentiment", Lane.BULK), jobs.queue_name("sentiment", Lane.HIGH)
    assert (redis.zcard(keys.started(high)), redis.zcard(keys.started(bulk))) == (1, 2)
    first, second, third = claimed
    failure = Outcome(third, None, "no", "prediction_error")
    outcomes = [Outcome(first, ANSWER), Outcome(second, ANSWER), failure]
    assert queue.commit(Batch(outcomes, "3", 0.1)) == 3
    assert redis.zcard(keys.started(high)) == redis.zcard(keys.started(bulk)) == 0
    assert redis.zrange(keys.finished(high), 0, -1) == ["h0000"]
    assert redis.zrange(keys.finished(bulk), 0, -1) == ["b0000"]
    assert redis.zrange(keys.failed(bulk), 0, -1) == ["b0001"]


def test_two_models_share_a_redis_and_nothing_else(queue: Queue, submit, redis: Redis) -> None:
    submit("one", "two")
    other = Queue(redis, "topics", "worker-2")
    assert other.claim(8).left == 0
    assert len(queue.claim(8).jobs) == 2


def test_a_second_helping_is_no_more_than_a_part_of_what_waits(queue: Queue, submit, redis: Redis) -> None:
    submit(*[f"text {number}" for number in range(30)])
    redis.sadd(keys.workers("sentiment"), "rq:worker:1", "rq:worker:2", "rq:worker:3")
    assert len(queue.claim(20, holds=True).jobs) == 10
    assert len(queue.claim(20).jobs) == 20, "whoever holds nothing takes a whole batch"


def test_a_claim_brings_no_more_text_than_a_worker_can_hold(queue: Queue, submit) -> None:
    submit(*["x" * (CLAIMED_SIZE * 6 // 10)] * 5)
    claimed = queue.claim(5)
    assert (len(claimed.jobs), claimed.left) == (2, 3)
    submit("x" * (2 * CLAIMED_SIZE), ids=("q0",))
    assert [len(queue.claim(5).jobs) for _ in range(3)] == [2, 2, 0], "one always comes, however large"


def test_what_waits_is_weighed_at_every_step(queue: Queue, submit, redis: Redis) -> None:
    submit("one", "two", "three")
    full = waiting(redis)
    assert full == sum(len(f'{{"text":"{text}"}}') for text in ("one", "two", "three"))
    claimed = queue.claim(8).jobs
    assert waiting(redis) == 0
    assert queue.hand_back(claimed[:1]) == 1
    assert waiting(redis) == len('{"text":"one"}')
    expire_leases(redis)
    queue.reap()
    assert waiting(redis) == full


def test_a_suspect_is_not_given_to_a_worker_that_holds_others(queue: Queue, submit, redis: Redis) -> None:
    submit("killer", "innocent")
    queue.claim(1)
    expire_leases(redis)
    queue.reap()
    held = queue.claim(8, holds=True)
    assert (held.jobs, held.has_suspect, held.left) == ([], True, 2)
    alone = queue.claim(8)
    assert [job.text for job in alone.jobs] == ["killer"]
    assert alone.has_suspect
    assert [job.text for job in queue.claim(8, holds=True).jobs] == ["innocent"]


def test_a_suspect_in_a_low_lane_is_not_starved_by_the_urgent(queue: Queue, submit, redis: Redis) -> None:
    submit("killer", ids=("s1",), lane=Lane.BULK)
    queue.claim(1)
    expire_leases(redis)
    queue.reap()
    fill(submit, high=50)
    assert [job.id for job in queue.claim(8).jobs] == ["s1"]


def test_one_killer_among_many_takes_nobody_with_it(queue: Queue, submit, redis: Redis) -> None:
    ids = submit(*["fine"] * 10, "kills", *["fine"] * 10)
    for _ in range(100):
        claimed = queue.claim(8).jobs
        if any(job.text == "kills" for job in claimed):
            expire_leases(redis)  # the worker dies with all it holds
            queue.reap()
        elif claimed:
            queue.commit(Batch([Outcome(job, ANSWER) for job in claimed], "3", 0.1))
    ends = {id: stored(redis, id) for id in ids}
    assert {id for id, end in ends.items() if end.status == "failed"} == {"p0010"}
    assert ends["p0010"].error == "the worker died 3 times on it"
    assert {end.status for end in ends.values()} == {"succeeded", "failed"}


def test_what_is_handed_back_is_next_no_suspect_and_its_old_claim_void(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("one", "two", "three")
    held = queue.claim(2).jobs
    assert queue.hand_back(held) == 2
    assert redis.zcard(keys.LEASES) == 0
    assert redis.zcard(keys.started("sentiment")) == 0
    assert queue.hand_back(held) == 0, "nor can it be given back twice"
    again = queue.claim(8)
    assert [job.text for job in again.jobs] == ["one", "two", "three"]
    assert not again.has_suspect
    assert queue.commit(Batch([Outcome(job, ANSWER) for job in held], "3", 0.1)) == 0
    assert stored(redis, "p0000").attempts == 2


def test_a_job_past_its_deadline_is_not_run(queue: Queue, submit, redis: Redis) -> None:
    submit("late", "early", cancel_after=timedelta(hours=1))
    redis.hset(keys.prediction("p0000"), "deadline", "1")
    assert [job.text for job in queue.claim(8).jobs] == ["early"]
    assert stored(redis, "p0000").status == "starting", "the sweep ends it"
    assert waiting(redis) == 0


def test_an_end_takes_its_deadline_along(queue: Queue, submit, redis: Redis) -> None:
    submit("soon", cancel_after=timedelta(seconds=30))
    [(id, ends)] = redis.zrange(keys.DEADLINES, 0, -1, withscores=True)
    assert (id, round(ends - stored(redis, id).created_at)) == ("p0000", 30)
    queue.commit(Batch([Outcome(job, ANSWER) for job in queue.claim(8).jobs], "3", 0.1))
    assert redis.zcard(keys.DEADLINES) == 0


@pytest.mark.parametrize("options", [{}, {"top_k": 1}])
def test_as_many_labels_are_listed_as_asked(queue: Queue, submit, redis: Redis, options) -> None:
    submit("fine", options=options)
    queue.commit(Batch([Outcome(job, ANSWER) for job in queue.claim(8).jobs], "3", 0.1))
    output = stored(redis, "p0000").output
    assert output is not None
    assert [entry["label"] for entry in output["scores"]] == ["positive", "negative"][: options.get("top_k")]
