"""The second stage of the gate: each bound by itself, and nothing decided on too little."""

from dataclasses import replace

import pytest

from contract.latencies import bucket
from contract.shadow import Shadow
from trainer.shadow_gate import Bounds, Stage, judge, load

GOOD = Shadow(
    seen=10_000,
    worker_s=1_000,
    compared=200,
    agreed=180,
    apart=20.0,
    spent_s=2.0,
    champion_labels={"negative": 100, "positive": 100},
    challenger_labels={"negative": 110, "positive": 90},
    champion_times={bucket(0.005): 200},
    challenger_times={bucket(0.01): 195, bucket(0.3): 5},
    broken={},
)


def test_a_challenger_within_all_bounds_passes_with_its_figures() -> None:
    judgement = judge(GOOD, Bounds())
    assert judgement.stage is Stage.PASSED
    (reason,) = judgement.reasons
    assert reason.startswith("in the shadow: the champion's label for 180 of 200 texts, ")
    assert reason.endswith("a 95th percentile of 9.83 ms, 10.00% of a worker's time")
    assert load(GOOD) == pytest.approx(0.01 * 10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"agreed": 119}, "it gives the champion's label to 59.5% of 200 texts, less than 60%"),
        (
            {"challenger_labels": {"negative": 160, "positive": 40}},
            "it answers negative 30.0% more often than the champion, allowed is 25%",
        ),
        (
            {"challenger_labels": {"negative": 100, "positive": 40, "neutral": 60}},
            "it answers neutral 30.0% more often than the champion, allowed is 25%",
        ),
        ({"challenger_times": {bucket(0.01): 180, bucket(2.0): 20}}, "95th percentile of one text"),
        ({"spent_s": 20.0}, "the traffic would take 100% of a worker's time, allowed is 80%"),
        ({"errors": 1}, "it raised on 1 of 201 texts"),
        ({"broken": {"canary": 2}}, "2 workers have given it up: canary"),
        ({"broken": {"died": 1}, "compared": 0}, "1 worker has given it up: died"),
    ],
)
def test_a_challenger_beyond_one_bound_is_refused(changes, said) -> None:
    judgement = judge(replace(GOOD, **changes), Bounds())
    assert judgement.stage is Stage.REFUSED
    assert judgement.reasons[0].startswith(said)


def test_too_few_texts_decide_nothing_even_if_all_differ() -> None:
    assert judge(None, Bounds()).stage is Stage.WAITING
    early = replace(GOOD, compared=199, agreed=0)
    assert judge(early, Bounds()).reasons == ("199 of 200 texts are compared",)
