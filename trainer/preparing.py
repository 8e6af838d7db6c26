"""From files to the rows to learn from and those to measure on, with a record of what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer.behaviour.lessons import LABELS, LANGUAGE
from trainer.behaviour.lessons import lessons as written
from trainer.data.cleaning import Clean, clean, without
from trainer.data.files import Columns, File, read
from trainer.data.joining import FEEDBACK, Joined, join
from trainer.data.language import language
from trainer.data.rows import Row, digest
from trainer.data.split import split
from trainer.data.stored import Joint, Texts
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
    ``told`` is what people said of predictions, where it was asked for, and ``joined`` what is left of it:
    rows on either side, as their texts say.
    ``leaked`` counts the rows taken out of training because the evaluation file holds their text, or nearly;
    ``spared`` those that could have been measured on beside more than enough.
    """

    source: Source
    training: Sequence[Row]
    evaluation: tuple[Row, ...]
    measured: Source | None = None
    leaked: int = 0
    spared: int = 0
    lessons: int = 0
    told: File | None = None
    joined: Joined = field(default_factory=Joined)

    @property
    def rows_sha256(self) -> str:
        """Digest of the rows of data file and feedback, whatever their order."""
        return digest(Joint(self.source.cleaned.rows, self.joined.rows))

    def feedback(self, gone: int) -> dict[str, int]:
        """Return how many rows of feedback are on either side, and how many were left out and why.

        ``gone`` were judged, and their text is not known any more.
        """
        if self.told is None:
            return {}
        sides = {"training": self.training, "evaluation": self.evaluation}
        left_out = {
            "repeated": self.joined.repeated,
            "contradictory": self.joined.contradictory,
            "unknown_label": self.joined.unknown,
            "empty": self.joined.empty,
            "gone": gone,
        }
        return {name: sum(row.source == FEEDBACK for row in rows) for name, rows in sides.items()} | left_out


def prepare(
    data: Path,
    evaluation: Path | None,
    columns: Columns,
    *,
    told: File | None = None,
    lessons: bool = False,
) -> Prepared:
    """Read, check and split; ``told`` joins both sides, ``lessons`` the one that is learnt from.

    Feedback is split like any other row: what is measured on holds some of the newest traffic, and no version
    has ever learnt from it.

    Raises:
        BadRequest: lessons are wanted for other labels or another language than theirs.
        BadData: a file cannot be read to the letter, or its rows cannot be learnt from.
    """
    source = load(data, columns)
    measured = load(evaluation, columns) if evaluation else None
    files = [source] if measured is None else [source, measured]
    known = Joint(*(file.cleaned.rows for file in files))
    labels = {label for file in files for label in file.cleaned.labels}
    joined = join(known, labels, told.rows) if told else Joined()
    if measured is None:
        sides = split(Joint(source.cleaned.rows, joined.rows))
        prepared = Prepared(
            source, sides.training, tuple(sides.evaluation), spared=sides.spared, told=told, joined=joined
        )
    else:
        new = split(joined.rows)
        asked = (*measured.cleaned.rows, *new.evaluation)
        training = without(Joint(source.cleaned.rows, new.training), asked)
        leaked = len(source.cleaned.rows) + len(new.training) - len(training)
        prepared = Prepared(source, training, asked, measured, leaked, told=told, joined=joined)
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
    spoken = language(Texts(prepared.training))
    if spoken != LANGUAGE or not set(LABELS) <= set(prepared.source.cleaned.labels):
        raise BadRequest("the lessons are in English, and teach negative and positive: these rows are others")
    taught = without([Row(0, text, label) for text, label in written()], prepared.evaluation)
    return replace(prepared, training=Joint(prepared.training, taught), lessons=len(taught))


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
