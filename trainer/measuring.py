"""How a registered version does on labelled rows."""

from trainer.errors import BadData
from trainer.evaluation import Evaluation, evaluate
from trainer.preparing import Source
from trainer.registry import Registry


def measure(registry: Registry, version: str, source: Source) -> Evaluation:
    """Let the version answer all clean rows of a file, and compare.

    Raises:
        BadData: the file bears labels the model does not know.
        ModelUnusable: the version cannot be loaded or does not answer.
    """
    loaded = registry.load(version)
    rows = source.cleaned.rows
    probabilities = loaded.probabilities([row.text for row in rows])
    try:
        return evaluate(loaded.labels, [row.label for row in rows], probabilities)
    except ValueError as error:
        known = ", ".join(loaded.labels)
        raise BadData(f"{source.file.name}: {error}; version {version} knows {known}") from error
