"""What counts as the same training, and what is said about code and packages that are not those of then."""

from dataclasses import replace

import pytest

from trainer.families import FAMILIES
from trainer.sameness import CLOSE, EXACT, TOLERANCES, Reproduction, remarks

CLEAN = {"commit": "a" * 40, "dirty": "false"}


def reproduction(family: str, *, macro_f1: float = 0.0, score: float = 0.0) -> Reproduction:
    tolerance = TOLERANCES.get(family, CLOSE)
    return Reproduction("run", family, 0, (0.9, 0.9 - macro_f1), score, tolerance)


def test_tfidf_must_repeat_to_the_last_digits_and_networks_within_what_is_stated() -> None:
    assert TOLERANCES["tfidf"] is EXACT
    assert {name: TOLERANCES.get(name, CLOSE) for name in FAMILIES if name != "tfidf"} == {
        "bilstm": CLOSE, "bert": CLOSE,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("family", "differs", "is_same"),
    [
        ("tfidf", {}, True),
        ("tfidf", {"score": 1e-9}, True),
        ("tfidf", {"score": 1e-8}, False),
        ("tfidf", {"macro_f1": 1e-6}, False),
        ("bilstm", {"macro_f1": 0.019, "score": 0.19}, True),
        ("bilstm", {"macro_f1": 0.021}, False),
        ("bert", {"score": 0.21}, False),
        ("bert", {"macro_f1": -0.021}, False),
    ],
)
def test_beyond_its_familys_tolerance_it_is_not_the_same(family, differs, is_same) -> None:
    found = reproduction(family, **differs)
    assert found.is_same is is_same
    assert found.to_dict()["is_same"] is is_same


def test_the_same_code_and_packages_need_no_remark() -> None:
    assert remarks(CLEAN, CLEAN, {"numpy": "2.4"}, {"numpy": "2.4"}) == ()


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"dirty": "true"}, {}, "the code was changed and not committed then"),
        ({}, {"dirty": "true"}, "the code was changed and not committed now"),
        ({"dirty": "true"}, {"dirty": "true"}, "the code was changed and not committed then and now"),
        ({}, {"commit": "b" * 40}, "the code is another: commit aaaaaaaaaaaa then, bbbbbbbbbbbb now"),
    ],
)
def test_code_that_is_not_that_of_then_is_said(then, now, said) -> None:
    assert remarks(CLEAN | then, CLEAN | now, {}, {}) == (said,)


def test_packages_that_changed_are_said_and_so_is_a_run_that_knows_no_commit() -> None:
    found = remarks({}, CLEAN, {"numpy": "2.3", "torch": "2.13"}, {"numpy": "2.4"})
    assert found == (
        "the code is another: commit unknown then, aaaaaaaaaaaa now",
        "numpy is 2.4 now and was 2.3",
        "torch is missing now and was 2.13",
    )


def test_remarks_do_not_make_it_another() -> None:
    found = replace(reproduction("tfidf"), remarks=("numpy is 2.4 now and was 2.3",))
    assert found.is_same
    assert found.to_dict()["remarks"] == ("numpy is 2.4 now and was 2.3",)
