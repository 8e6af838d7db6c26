"""One bad text in a batch fails alone."""

from collections.abc import Sequence

import pytest

from contract.labels import Answer, answer
from worker import inference
from worker.batch import Batch, Job
from worker.model import Encoded, Text


class Fragile:
    """A model that raises whenever a batch holds one of its bad texts, quoting it as libraries do."""

    version = "1"
    is_padded = False
    can_explain = False

    def __init__(self, *bad: str, unreadable: str = "") -> None:
        self.bad = set(bad)
        self.unreadable = unreadable
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> list[Text]:
        if self.unreadable in texts:
            raise ValueError(f"cannot encode {self.unreadable}")
        return [Text(text[:10], len(text) > 10) for text in texts]

    def explain(self, text: str) -> list[dict[str, object]]:
        raise AssertionError(f"asked although can_explain is {self.can_explain}")

    def classify(self, encoded: Sequence[Encoded]) -> list[Answer]:
        self.calls += 1
        texts = [one.text for one in encoded if isinstance(one, Text)]
        if found := self.bad.intersection(texts):
            raise ValueError(f"cannot read {found}")
        return [answer(["negative", "positive"], [0.1, 0.9]) for _ in texts]


def job(id: str, text: str, **options: object) -> Job:
    return Job("sentiment", id, 1, {"text": text, **options})


def jobs(count: int) -> list[Job]:
    return [job(f"p{number}", f"text {number}") for number in range(count)]


def run(model: Fragile, asked: list[Job]) -> Batch:
    return inference.run(model, *inference.encode(model, asked))


def test_a_good_batch_takes_one_call() -> None:
    model = Fragile()
    batch = run(model, jobs(32))
    assert model.calls == 1
    assert all(outcome.answer for outcome in batch.outcomes)
    assert batch.inference_s > 0


@pytest.mark.parametrize("bad", [0, 13, 31])
def test_of_32_with_one_bad_text_31_succeed(bad: int) -> None:
    model = Fragile(f"text {bad}")
    batch = run(model, jobs(32))
    failed = [outcome for outcome in batch.outcomes if outcome.answer is None]
    assert [outcome.job.id for outcome in failed] == [f"p{bad}"]
    assert failed[0].error_code == "prediction_error"
    assert [outcome.job for outcome in batch.outcomes] == jobs(32)
    assert model.calls == 11, "1 + 2 for each halving of 32"


def test_neither_error_nor_log_quotes_the_text(caplog: pytest.LogCaptureFixture) -> None:
    batch = run(Fragile("text 0"), jobs(1))
    assert batch.outcomes[0].error == "the model could not answer this text (ValueError)"
    assert caplog.records
    assert not [record for record in caplog.records if "text 0" in str(record.__dict__)]


def test_a_text_that_cannot_be_encoded_fails_before_the_batch_runs() -> None:
    model = Fragile(unreadable="text 5")
    batch = run(model, jobs(32))
    [failed] = [outcome for outcome in batch.outcomes if outcome.answer is None]
    assert (failed.job.id, failed.error_code) == ("p5", "prediction_error")
    assert len(batch.outcomes) == 32
    assert model.calls == 1


def test_a_text_too_long_is_read_in_part_and_said_so() -> None:
    batch = run(Fragile(), [job("p0", "short"), job("p1", "one of more than ten")])
    assert [outcome.is_truncated for outcome in batch.outcomes] == [False, True]
    assert all(outcome.answer for outcome in batch.outcomes)


def test_a_text_too_long_is_refused_where_that_was_asked() -> None:
    asked = [job("p0", "one of more than ten", truncate=False), job("p1", "short", truncate=False)]
    batch = run(Fragile(), asked)
    refused = {outcome.job.id: outcome.error_code for outcome in batch.outcomes if outcome.answer is None}
    assert refused == {"p0": "text_too_long"}


def test_a_model_that_cannot_explain_says_so() -> None:
    [outcome] = inference.explain(Fragile(), job("p0", "text 0", explain=True)).outcomes
    assert (outcome.answer, outcome.error_code) == (None, "no_explanation")


def test_an_answer_that_is_no_probability_fails_alone() -> None:
    class Broken(Fragile):
        def classify(self, encoded: Sequence[Encoded]) -> list[Answer]:
            first, *others = super().classify(encoded)
            return [Answer(first.label, float("nan"), first.scores), *others]

    batch = run(Broken(), jobs(4))
    assert [outcome.error_code for outcome in batch.outcomes] == ["prediction_error", "", "", ""]


def test_padding_is_counted() -> None:
    model = Fragile()
    model.is_padded = True
    batch = run(model, [job("p0", "a"), job("p1", "a text of")])
    assert (batch.tokens, batch.padded) == (1 + 3, 3 * 2)
