"""From a registered version to a verdict, and to the aliases that follow from it.

The candidate is asked as the registry gives it back, not as training left it in memory: what cannot be
loaded, or answers otherwise, is found here and not by a worker. Deciding is ``gate``'s.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.registry import CHAMPION, DATA_TAG
from trainer.behaviour.suite import Suite, failures, suited
from trainer.card import card
from trainer.data.language import language
from trainer.data.rows import Row
from trainer.errors import ModelUnusable
from trainer.evaluation import Evaluation, evaluate
from trainer.floors import Limits
from trainer.gate import Answers, Questions, Unusable, Verdict, judge
from trainer.registry import Registry, Version
from trainer.serving import measure
from trainer.settings import Settings
from trainer.slices import slices_of

#: Seconds for each kind of call when serving is measured for a budget: enough for a 99th percentile of
#: anything that is near one.
SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a version. ``promoted`` tells whether it serves now."""

    verdict: Verdict
    promoted: bool


def limits_of(settings: Settings) -> Limits:
    """Return the gate's limits as the operator has set them."""
    return Limits(
        behaviour={**Limits().behaviour, **settings.gate_behaviour},
        p99_s=settings.gate_p99.total_seconds(),
        memory=settings.gate_memory,
        size=settings.gate_size,
    )


def decide(
    registry: Registry,
    number: str,
    rows: Sequence[Row],
    limits: Limits,
    *,
    seed: int,
    promote: bool,
    step: Callable[[str], None] = lambda words: None,  # noqa: ARG005 - nobody is told
) -> Decision:
    """Judge a version on these rows, store the verdict, and let it serve if it passed and ``promote``.

    ``step`` is called between judging and storing, the last moment at which a training can be canceled.

    One that passes and is not let serve becomes the challenger.
    """
    verdict = _judged(registry, number, rows, limits, seed)
    step("deciding")
    registry.store_verdict(number, verdict)
    promoted = verdict.passed and promote
    why = "; ".join(verdict.reasons)
    if promoted:
        registry.promote(number, by="gate", why=why)
    elif verdict.passed:
        registry.challenge(number, by="gate", why=why)
    else:
        registry.withdraw(number, by="gate", why=why)
    return Decision(verdict, promoted)


def _judged(registry: Registry, number: str, rows: Sequence[Row], limits: Limits, seed: int) -> Verdict:
    champion = registry.aliases().get(CHAMPION)
    texts = [row.text for row in rows]
    spoken = language(texts)
    questions = Questions([row.label for row in rows], slices_of(rows))
    try:
        candidate, figures = _candidate(registry, number, questions, texts, spoken, limits)
    except ModelUnusable as error:
        return Verdict(passed=False, reasons=(str(error),))
    registry.store_figures(number, figures, candidate)
    rival: Answers | Unusable | None = None
    if champion is not None:
        try:
            rival = _ask(registry, champion, texts, spoken)
        except ModelUnusable as error:
            rival = Unusable(champion, str(error))
    verdict = judge(questions, candidate, rival, limits=limits, seed=seed)
    # Two trainings at once: the one that ends last was measured against a champion that no longer serves.
    if registry.aliases().get(CHAMPION) != champion:
        verdict = Verdict(passed=False, reasons=("the champion changed while this version was judged",))
    registry.describe(number, card(figures, candidate, verdict, _facts(registry.version(number))))
    return verdict


def _facts(version: Version) -> dict[str, str]:
    """Return what a card tells of a version's making."""
    told = ("barometer.family", "barometer.seed", DATA_TAG, "barometer.code.commit")
    return {name.removeprefix("barometer."): version.tags[name] for name in told if name in version.tags}


def _candidate(
    registry: Registry, number: str, questions: Questions, texts: list[str], spoken: str, limits: Limits
) -> tuple[Answers, Evaluation]:
    """Let the candidate answer, and measure what it costs where there is a budget."""
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        answers = _ask(registry, number, texts, spoken, Path(folder))
        try:
            figures = evaluate(answers.labels, questions.truth, answers.probabilities, questions.slices)
        except ValueError as error:
            raise ModelUnusable(f"version {number} does not fit the rows: {error}") from error
        if limits.has_budget:
            serving = measure(Path(folder), texts, seconds=SECONDS)
            answers = Answers(
                number, answers.labels, answers.probabilities, answers.behaviour, serving, answers.skipped
            )
    return answers, figures


def _ask(
    registry: Registry, number: str, texts: list[str], spoken: str, folder: Path | None = None
) -> Answers:
    """Let a version answer the texts and the behaviour cases that suit it."""
    loaded = registry.load(number, folder)
    suite: Suite = suited(loaded.labels, spoken)
    behaviour = {}
    if suite.cases:
        behaviour = failures(suite, loaded.labels, loaded.probabilities(suite.texts))
    return Answers(number, loaded.labels, loaded.probabilities(texts), behaviour, skipped=suite.skipped)
