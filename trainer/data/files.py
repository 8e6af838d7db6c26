"""From a file to its rows: CSV, TSV, JSONL and Parquet, each read to the letter.

Nothing is guessed, skipped or converted: "NA" and "007" stay text, a quoted line break stays in its field,
and what cannot be read as it stands is an error that names the row. Judging rows is left to ``cleaning``.
"""

import csv
import difflib
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data.rows import Row
from trainer.data.stored import Stored
from trainer.errors import BadData, NoRoom

#: The longest field Python's csv module may meet: more than any text, and still a C long everywhere.
FIELD_LIMIT = 2**31 - 1
#: Rows of a Parquet file in memory at a time.
TOGETHER = 1_000


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the two columns that matter."""

    text: str = "text"
    label: str = "label"


Content = io.BufferedReader | io.BytesIO
Reader = Callable[[Content, Columns], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class File:
    """A file as read: its name, the SHA-256 of its bytes, and its rows in order."""

    name: str
    sha256: str
    rows: Sequence[Row]


def read(path: Path, columns: Columns) -> File:
    """Read a file by its suffix, row by row: its rows come to lie in a file of our own (``stored``).

    Raises:
        BadData: there is no such file, or it cannot be read to the letter.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadData(f"{path.name}: the suffix must be one of {', '.join(_READERS)}")
    try:
        content = path.open("rb")
    except FileNotFoundError:
        raise BadData(f"there is no file {path}") from None
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}") from error
    with content:
        return _file(path.name, content, reader, columns)


def read_lines(name: str, content: bytes, columns: Columns) -> File:
    """Read JSON lines that are in memory already.

    Raises:
        BadData: they cannot be read to the letter.
    """
    return _file(name, io.BytesIO(content), _read_jsonl, columns)


def _file(name: str, content: Content, reader: Reader, columns: Columns) -> File:
    sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    content.seek(0)
    try:
        rows = Stored(_checked(reader(content, columns)))
    except BadData as error:
        raise BadData(f"{name}: {error}") from error.__cause__
    except OSError as error:
        raise NoRoom(
            f"{name}: its rows cannot be laid by: {error.strerror}; TMPDIR names another folder"
        ) from error
    return File(name, sha256, rows)


def _checked(rows: Iterator[Row]) -> Iterator[Row]:
    """Refuse the first row that holds what is no text, and a file that cannot be read to its end."""
    try:
        for row in rows:
            try:
                row.text.encode()
                row.label.encode()
            except UnicodeEncodeError:
                raise BadData(
                    f"row {row.number} is not valid UTF-8: save the file as UTF-8, or mend the row"
                ) from None
            yield row
    except OSError as error:
        raise BadData(f"it cannot be read to its end: {error.strerror or error}") from error


def _decoded(content: Content, newline: str) -> io.TextIOWrapper:
    """Decode leniently, a byte that is no UTF-8 becoming a surrogate: ``_checked`` then knows its row.

    Lines end at ``newline`` alone, at U+0085 and U+2028 they never do. "" leaves that to the csv module.
    """
    return io.TextIOWrapper(content, "utf-8-sig", "surrogateescape", newline)


def _read_csv(content: Content, columns: Columns) -> Iterator[Row]:
    with _decoded(content, "") as lines:
        yield from _delimited(lines, columns, ",")


def _read_tsv(content: Content, columns: Columns) -> Iterator[Row]:
    with _decoded(content, "") as lines:
        yield from _delimited(lines, columns, "\t")


def _delimited(lines: Iterable[str], columns: Columns, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(FIELD_LIMIT)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 0
    try:
        header = next(records, [])
        text, label = _find(header, columns)
        for record in records:
            if not record:
                continue  # an empty line between rows holds no fields, so no row
            number += 1
            if len(record) != len(header):
                raise BadData(
                    f"row {number} (line {records.line_num}) has {len(record)} fields where the header has "
                    f"{len(header)}: quote fields that hold a delimiter"
                )
            yield Row(number, record[text], record[label])
    except csv.Error as error:
        raise BadData(
            f"row {number + 1} (line {records.line_num}) is broken: {error}; check its quotes"
        ) from error


def _read_jsonl(content: Content, columns: Columns) -> Iterator[Row]:
    with _decoded(content, "\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            record = _json_object(number, line)
            try:
                _find(list(record), columns)
            except BadData as error:
                raise BadData(f"row {number}: {error}") from None
            yield Row(number, _string(number, record, columns.text), _string(number, record, columns.label))


def _json_object(number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadData(f"row {number} is not JSON: one object a line is needed") from error
    if not isinstance(record, dict):
        raise BadData(f"row {number} is not a JSON object")
    return record


def _string(number: int, record: Mapping[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise BadData(f"row {number}: '{name}' is not a string")
    return value


def _read_parquet(content: Content, columns: Columns) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        file = pq.ParquetFile(content)
        _find(file.schema_arrow.names, columns)
        for batch in file.iter_batches(TOGETHER, columns=[columns.text, columns.label]):
            # By way of bytes, so that a value which is no UTF-8 is met row by row, as in the other formats.
            texts, labels = (
                batch.column(name).cast(pa.string()).cast(pa.binary()).to_pylist()
                for name in (columns.text, columns.label)
            )
            for fields in zip(texts, labels, strict=True):
                number += 1
                yield Row(number, *_strings(number, fields, columns))
    except pa.ArrowException as error:
        raise BadData("this is no Parquet file with text in those columns") from error


def _strings(number: int, fields: tuple[bytes | None, bytes | None], columns: Columns) -> Iterator[str]:
    for name, value in zip((columns.text, columns.label), fields, strict=True):
        if value is None:
            raise BadData(f"row {number}: '{name}' is null")
        yield value.decode("utf-8", "surrogateescape")


def _find(header: Sequence[str], columns: Columns) -> tuple[int, int]:
    """Return where the two columns are."""
    return _position(header, columns.text, "--text-column"), _position(
        header, columns.label, "--label-column"
    )


def _position(header: Sequence[str], name: str, option: str) -> int:
    if header.count(name) == 1:
        return header.index(name)
    if not header:
        raise BadData("the file is empty: a header and rows are needed")
    if name in header:
        raise BadData(f"there are {header.count(name)} columns '{name}': rename all but one")
    shown = [column.encode("utf-8", "replace").decode() for column in header]
    likely = max(shown, key=lambda column: _likeness(column, name))
    raise BadData(
        f"there is no column '{name}'; there are: {', '.join(shown)}. "
        f"Name the right one, perhaps {option} '{likely}'"
    )


def _likeness(column: str, name: str) -> float:
    """Return how much a column's name is like the wanted one, in [0, 1]."""
    column, name = column.casefold(), name.casefold()
    return 1.0 if name in column else difflib.SequenceMatcher(None, column, name).ratio()


_READERS: Mapping[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
