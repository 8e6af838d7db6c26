"""Cancel against completion, many times: one end, and everybody is told the same."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from contract import keys
from tests.gateway.conftest import Gateway
from tests.working import Rule, working

ROUNDS = 300


def test_a_prediction_that_is_canceled_while_it_completes_has_one_end_that_all_are_told(
    gateway: Gateway, redis_url: str
) -> None:
    chance = random.Random(1)

    def once(number: int) -> str:
        """Return what all answers agree on."""
        id = gateway.http.put(f"/v1/predictions/r{number}", json={"input": {"text": "fine"}}).json()["id"]
        waiting = clients.submit(gateway.get, id, "wait=20")
        time.sleep(chance.uniform(0, 0.02))
        canceled = gateway.http.post(f"/v1/predictions/{id}/cancel").json()
        told = [canceled, waiting.result().json(), gateway.get(id).json()]
        assert told[0] == told[1] == told[2]
        assert (canceled["output"] is None) == (canceled["status"] == "canceled")
        return f"{id} prediction.{canceled['status']}"

    with (
        working(redis_url, Rule(seconds=0.005)),
        ThreadPoolExecutor(16) as clients,
        ThreadPoolExecutor(8) as rounds,
    ):
        ends = list(rounds.map(once, range(ROUNDS)))
    redis = Redis.from_url(redis_url, decode_responses=True)
    assert sorted(f"{fields['id']} {fields['type']}" for _, fields in redis.xrange(keys.EVENTS)) == sorted(
        ends
    )
    assert {end.split(".")[1] for end in ends} == {"succeeded", "canceled"}, "both won some rounds"
