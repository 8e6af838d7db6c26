"""Names of workers' units."""

import pytest

from worker.instance import Instance, parse
from worker.settings import Settings


@pytest.mark.parametrize(
    ("name", "model", "device"),
    [
        ("sentiment-1", "sentiment", "auto"),
        ("sentiment-cuda1", "sentiment", "cuda:1"),
        ("sentiment-cuda", "sentiment", "cuda:0"),
        ("sentiment-cpu2", "sentiment", "cpu"),
        ("my-topics-3", "my-topics", "auto"),
    ],
)
def test_a_name_says_model_and_device(name: str, model: str, device: str) -> None:
    assert parse(name) == Instance(model, device)


@pytest.mark.parametrize("name", ["sentiment", "sentiment-", "-1", "sentiment-gpu0"])
def test_what_says_no_device_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="MODEL-NUMBER"):
        parse(name)


def test_what_is_set_wins_over_the_name() -> None:
    settings = Settings(instance="sentiment-cuda0", device="cpu")
    assert (settings.model, settings.device) == ("sentiment", "cpu")


def test_a_wrong_name_is_told_by_its_variable() -> None:
    with pytest.raises(ValueError, match="instance"):
        Settings(instance="sentiment")
