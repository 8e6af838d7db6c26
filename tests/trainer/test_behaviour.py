import re
from collections import Counter

import numpy as np
import pytest

from trainer.behaviour import english, french
from trainer.behaviour.cases import Case, Kind
from trainer.behaviour.suite import Suite, failures, suited
from trainer.floors import BEHAVIOUR

LABELS = ("negative", "positive")


def answering(rule):
    """The probabilities of a model that finds each text as positive as ``rule`` says."""
    return lambda suite: np.array([[1 - rule(text), rule(text)] for text in suite.texts])


def rates(rule, language="en"):
    suite = suited(LABELS, language)
    return {name: found.rate for name, found in failures(suite, LABELS, answering(rule)(suite)).items()}


def test_a_model_without_any_understanding_fails_what_needs_some_and_is_fair_all_the_same():
    found = rates(lambda text: 0.7)
    assert found["plain words"] == pytest.approx(0.5, abs=0.1)
    assert found["negation"] > 0.9
    assert found["not bad"] == found["names"] == found["groups"] == found["typos"] == 0


def test_a_model_that_only_counts_words_takes_not_bad_for_bad():
    bad = re.compile("bad|terrible|awful|boring|hate|dislike|regret")
    found = rates(lambda text: 0.1 if bad.search(text) else 0.9)
    assert found["plain words"] == 0
    assert found["not bad"] == 1


def test_prejudice_shows_as_failures_of_names_and_groups():
    found = rates(lambda text: 0.2 if re.search("Jamal|Muslim", text) else 0.8)
    assert found["names"] == pytest.approx(2 / 16)
    assert found["groups"] == pytest.approx(2 / 20)
    assert found["names"] > BEHAVIOUR["names"]


def test_intensity_fails_where_more_feeling_scores_less():
    assert rates(lambda text: 0.6)["intensity"] == 0
    suite = Suite(tuple(case for case in suited(LABELS, "en").cases if case.kind is Kind.RISES))
    lower = answering(lambda text: 0.5 if re.search("extremely|really|absolutely", text) else 0.6)
    found = failures(suite, LABELS, lower(suite))["intensity"]
    assert list(found.failed) == ["positive" in case.allowed for case in suite.cases]


def test_neutral_is_no_failure_where_only_the_opposite_would_be():
    case = next(case for case in english.cases() if case.capability == "not bad")
    labels = ("negative", "neutral", "positive")
    found = failures(Suite((case,)), labels, np.array([[0.1, 0.8, 0.1]]))
    assert found["not bad"].rate == 0


@pytest.mark.parametrize(
    ("labels", "language", "reason"),
    [
        (("bad", "good"), "en", "these are other labels"),
        (("negative", "positive", "mixed"), "en", "these are other labels"),
        (LABELS, "de", "most of these texts are not (de)"),
    ],
)
def test_other_labels_and_languages_are_skipped_and_it_is_said_why(labels, language, reason):
    suite = suited(labels, language)
    assert suite.cases == ()
    assert reason in suite.skipped


@pytest.mark.parametrize("cases", [english.cases, french.cases])
def test_no_case_is_asked_twice_and_none_has_an_empty_field(cases):
    found = list(cases())
    assert max(Counter((case.kind, case.texts) for case in found).values()) == 1
    assert list(cases()) == found
    for case in found:
        assert len(case.texts) == (1 if case.kind is Kind.LABEL else 2)
        assert not any("{" in text or "  " in text for text in case.texts)
        assert bool(case.allowed) != (case.kind is Kind.SAME)


def test_a_slip_changes_one_word_and_no_more():
    text = "The delivery was quick."
    slips = english.mistyped(text)
    assert slips == (
        "The delviery was quick.",
        "The deliery was quick.",
        "The delivvery was quick.",
        "THE DELIVERY WAS QUICK.",
        "The delivery was quick",
    )


def test_every_floor_is_of_a_capability_that_exists():
    assert BEHAVIOUR.keys() <= {case.capability for case in english.cases()}


def test_cases_are_judged_in_the_order_of_their_texts():
    first = Case("one", Kind.SAME, ("a", "b"))
    second = Case("two", Kind.LABEL, ("c",), frozenset({"negative"}))
    found = failures(Suite((first, second)), LABELS, np.array([[0.1, 0.9], [0.9, 0.1], [0.9, 0.1]]))
    assert (found["one"].failed, found["two"].failed) == ((True,), (False,))


def test_lessons_are_balanced_distinct_and_none_of_the_questions():
    from trainer.behaviour.lessons import lessons
    from trainer.data.rows import skeleton

    taught = list(lessons())
    assert Counter(label for _, label in taught) == {
        "negative": len(taught) // 2,
        "positive": len(taught) // 2,
    }
    assert len({skeleton(text) for text, _ in taught}) == len(taught)
    asked = {skeleton(text) for case in english.cases() for text in case.texts}
    assert asked.isdisjoint(skeleton(text) for text, _ in taught)
