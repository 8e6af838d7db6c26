"""One number makes a network as sure as it is right, and changes no answer."""

import numpy as np
import pytest

from trainer.families.temperature import FEWEST, LOWEST, fit, tempered


def drawn(rows: int, *, exaggerated: float, seed: int = 0):
    """Probabilities of a model that exaggerates its logits so many times; the labels follow honest ones."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(scale=1.5, size=(rows, 3))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = [int(chance.choice(3, p=row)) for row in honest]
    return tempered(honest, 1 / exaggerated), truth


@pytest.mark.parametrize("exaggerated", [0.7, 1.0, 3.0])
def test_it_finds_what_was_exaggerated(exaggerated):
    probabilities, truth = drawn(4000, exaggerated=exaggerated)
    found = fit(probabilities, truth)
    assert found.temperature == pytest.approx(exaggerated, rel=0.1)
    assert found.ece_after < 0.03
    if exaggerated == 3.0:
        assert found.ece_before > 0.15
    after = tempered(probabilities, found.temperature)
    assert np.array_equal(after.argmax(axis=1), probabilities.argmax(axis=1))
    assert after.sum(axis=1) == pytest.approx(1.0)


def test_too_few_rows_change_nothing():
    probabilities, truth = drawn(FEWEST - 1, exaggerated=3.0)
    found = fit(probabilities, truth)
    assert (found.temperature, found.ece_after) == (1.0, found.ece_before)
    assert fit(np.empty((0, 3)), []).ece_before == 0.0


def test_a_model_that_is_never_wrong_is_not_made_ever_surer():
    probabilities = np.tile([0.9, 0.1], (200, 1))
    assert fit(probabilities, [0] * 200).temperature == pytest.approx(LOWEST, rel=0.01)


def test_a_label_that_was_rounded_away_is_improbable_and_not_impossible():
    found = tempered(np.array([[1.0, 0.0]]), 2.0)
    assert 0 < found[0, 1] < 1e-5
