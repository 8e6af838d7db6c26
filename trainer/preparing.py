"""From files to the rows to learn from and those to measure on, with a record of what was left out."""

from dataclasses import dataclass, replace
from pathlib import Path

from trainer.behaviour.lessons import LABELS, LANGUAGE
from trainer.behaviour.lessons import lessons as written
from trainer.data.cleaning import Clean, clean, without
from trainer.data.files import Columns, File, read
from trainer.data.language import language
from trainer.data.rows import Row, digest
from trainer.data.split import split
from trainer.errors import BadData, BadRequest


@dataclass(frozen=True, slots=True)
class Source:
    """A file and what is left of it after cleaning."""

    file: File
    cleaned: Clean

    @property
    def rows_sha256(self) -> str:
        """Digest of the rows left, whatever the file's format or order."""
        return digest(self.cleaned.rows)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows on their sides. ``measured`` is the separate evaluation file, where there is one.

    ``lessons`` counts the rows of ``behaviour.lessons`` to train on; they are part of ``training``.
    ``leaked`` counts the rows taken out of training because the evaluation file holds their text, or nearly.
    """

    source: Source
    training: tuple[Row, ...]
    evaluation: tuple[Row, ...]
    measured: Source | None = None
    leaked: int = 0
    lessons: int = 0


def prepare(data: Path, evaluation: Path | None, columns: Columns, *, lessons: bool = False) -> Prepared:
    """Read, check and split; with ``lessons``, add them to the side that is learnt from.

    Raises:
        BadRequest: lessons are wanted for other labels or another language than theirs.
        BadData: a file cannot be read to the letter, or its rows cannot be learnt from.
    """
    source = load(data, columns)
    if evaluation is None:
        sides = split(source.cleaned.rows)
        prepared = Prepared(source, sides.training, sides.evaluation)
    else:
        measured = load(evaluation, columns)
        training = without(source.cleaned.rows, measured.cleaned.rows)
        leaked = len(source.cleaned.rows) - len(training)
        prepared = Prepared(source, training, measured.cleaned.rows, measured, leaked)
    _refuse_uneven(prepared)
    return _taught(prepared) if lessons else prepared


def load(path: Path, columns: Columns) -> Source:
    """Read and clean one file.

    Raises:
        BadData: as for ``prepare``.
    """
    file = read(path, columns)
    try:
        return Source(file, clean(file.rows))
    except BadData as error:
        raise BadData(f"{path.name}: {error}") from error


def _taught(prepared: Prepared) -> Prepared:
    spoken = language([row.text for row in prepared.training])
    if spoken != LANGUAGE or not set(LABELS) <= set(prepared.source.cleaned.labels):
        raise BadRequest("the lessons are in English, and teach negative and positive: these rows are others")
    taught = without((Row(0, text, label) for text, label in written()), prepared.evaluation)
    return replace(prepared, training=(*prepared.training, *taught), lessons=len(taught))


def _refuse_uneven(prepared: Prepared) -> None:
    taught, asked = ({row.label for row in side} for side in (prepared.training, prepared.evaluation))
    if not asked:
        raise BadData("no row is left to evaluate on: add rows, or name a file with --evaluation")
    if len(taught) < 2:
        raise BadData("fewer than two labels are left to train on: add rows")
    if asked - taught:
        names = ", ".join(f"'{label[:40]}'" for label in sorted(asked - taught)[:5])
        first = next(row.number for row in prepared.evaluation if row.label not in taught)
        file = (prepared.measured or prepared.source).file.name
        raise BadData(
            f"rows to evaluate on are labelled {names}, which no row to train on is "
            f"(the first is row {first} of {file}): make the labels agree"
        )
