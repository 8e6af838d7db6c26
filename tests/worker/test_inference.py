"""One bad text in a batch fails alone."""

from collections.abc import Sequence

import pytest

from contract.labels import Answer, answer
from worker import inference
from worker.queue import Job


class Fragile:
    """A model that raises whenever a batch holds one of its bad texts, quoting it as libraries do."""

    version = "1"

    def __init__(self, *bad: str) -> None:
        self.bad = set(bad)
        self.calls = 0

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        self.calls += 1
        if found := self.bad.intersection(texts):
            raise ValueError(f"cannot read {found}")
        return [answer(["negative", "positive"], [0.1, 0.9]) for _ in texts]


def jobs(count: int) -> list[Job]:
    return [Job(f"p{number}", 1, f"text {number}") for number in range(count)]


def test_a_good_batch_takes_one_call() -> None:
    model = Fragile()
    batch = inference.run(model, jobs(32))
    assert model.calls == 1
    assert all(outcome.answer for outcome in batch.outcomes)
    assert batch.inference_s > 0


@pytest.mark.parametrize("bad", [0, 13, 31])
def test_of_32_with_one_bad_text_31_succeed(bad: int) -> None:
    model = Fragile(f"text {bad}")
    batch = inference.run(model, jobs(32))
    failed = [outcome for outcome in batch.outcomes if outcome.answer is None]
    assert [outcome.job.id for outcome in failed] == [f"p{bad}"]
    assert failed[0].error_code == "prediction_error"
    assert [outcome.job for outcome in batch.outcomes] == jobs(32)
    assert model.calls == 11, "1 + 2 for each halving of 32"


def test_neither_error_nor_log_quotes_the_text(caplog: pytest.LogCaptureFixture) -> None:
    batch = inference.run(Fragile("text 0"), jobs(1))
    assert batch.outcomes[0].error == "the model could not answer this text (ValueError)"
    assert caplog.records
    assert not [record for record in caplog.records if "text 0" in str(record.__dict__)]
