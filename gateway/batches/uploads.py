"""Reading a batch as it arrives: bytes in, rows out, never more than one row held back. Pure.

Three forms: a JSON array, JSON lines, CSV with a header. What is wrong within a row is that row's own matter
(``gateway.batches.rows``); where the rows themselves cannot be told apart, the upload is refused as a whole.

Input that ends within a row is parsed again only when it has doubled, so a body that comes byte by byte costs
no more than twice what it would in one piece.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from gateway.batches.rows import MALFORMED, Row, read
from gateway.bodies import strict
from gateway.errors import InvalidRequest, MalformedUpload

_SPACE = re.compile(r"[ \t\n\r]*")


class Upload(Protocol):
    """A reader of one form."""

    def feed(self, data: bytes) -> Iterator[Row]:
        """Return the rows that are complete now; exhaust it before the next call."""

    def end(self) -> Iterator[Row]:
        """Return what is left when no more comes."""


def longest_row(text_limit: int) -> int:
    r"""Return the characters a row may take: a text of nothing but ``\ud83d\ude00``, and its metadata."""
    return 12 * text_limit + 2**16


def reader(content_type: str, text_limit: int) -> Upload | None:
    """Return the reader of a form by its media type, or None where there is none."""
    media_type = content_type.partition(";")[0].strip().lower()
    found = _FORMS.get(media_type)
    return found(text_limit) if found else None


class ArrayUpload:
    """``["one", {"text": "two", "id": 7}, ...]``."""

    def __init__(self, text_limit: int) -> None:
        self._text_limit = text_limit
        self._limit = longest_row(text_limit)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._parts: list[str] = []
        self._held = self._enough = 0
        self._rows = 0
        self._is_open = self._is_closed = self._is_first = False

    def feed(self, data: bytes, *, is_last: bool = False) -> Iterator[Row]:
        """Return the rows that are complete now."""
        part = self._decoder.decode(data, is_last)
        self._parts.append(part)
        self._held += len(part)
        if self._held < self._enough and not is_last:
            return
        text = "".join(self._parts)
        position = 0
        while (found := self._next(text, position)) is not None:
            value, position = found
            if value is not _NO_ROW:
                self._rows += 1
                yield read(value, self._text_limit)
        self._keep(text[_gap(text, position) :])

    def end(self) -> Iterator[Row]:
        """Return what is left when no more comes."""
        yield from self.feed(b"", is_last=True)
        if not self._is_closed:
            raise self._malformed("it ends before the array does, or a row there is not JSON")

    def _keep(self, rest: str) -> None:
        if len(rest) > self._limit:
            raise self._malformed(f"it is not JSON, or longer than {self._limit} characters")
        self._parts, self._held, self._enough = [rest], len(rest), 2 * len(rest)

    def _next(self, text: str, position: int) -> tuple[Any, int] | None:
        """Return a row, or ``_NO_ROW`` for what stands around rows, and where to go on.

        None: more must come.
        """
        position = _gap(text, position)
        if position == len(text):
            return None
        if self._is_closed:
            raise self._malformed("something follows the array")
        if not self._is_open:
            if text[position] != "[":
                raise self._malformed("the body must be a JSON array")
            self._is_open = self._is_first = True
            return _NO_ROW, position + 1
        if self._is_first and text[position] == "]":
            self._is_closed = True
            return _NO_ROW, position + 1
        return self._row(text, position)

    def _row(self, text: str, position: int) -> tuple[Any, int] | None:
        try:
            value, end = strict.raw_decode(text, position)
        except json.JSONDecodeError:
            return None  # cut off, or wrong: what comes will show
        except (ValueError, RecursionError) as error:
            # The words of `strict`, or of Python about its own limits: they quote nothing.
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise self._malformed(reason) from None
        end = _gap(text, end)
        if end == len(text):
            return None  # 12 may yet become 123
        if text[end] not in ",]":
            raise self._malformed("a comma or the end of the array is missing behind it")
        self._is_first, self._is_closed = False, text[end] == "]"
        return value, end + 1

    def _malformed(self, reason: str) -> MalformedUpload:
        return MalformedUpload(f"The body is not a JSON array of rows. At row {self._rows}: {reason}.")


#: Stands for "not a row": a row may be any JSON value, also null.
_NO_ROW = object()


class LinesUpload:
    """One JSON value a line, a text or an object; a line that is not JSON is a refused row."""

    def __init__(self, text_limit: int) -> None:
        self._text_limit = text_limit
        self._limit = longest_row(text_limit)
        self._parts: list[bytes] = []
        self._held = 0
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[Row]:
        """Return the rows that are complete now."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._hold(line)
            yield from self._line()
        self._hold(rest)

    def end(self) -> Iterator[Row]:
        """Return what is left when no more comes."""
        yield from self._line()

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._limit:
            self._parts.clear()  # the rest of the line is read, and forgotten
        else:
            self._parts.append(part)

    def _line(self) -> Iterator[Row]:
        line, is_too_long = b"".join(self._parts), self._held > self._limit
        self._parts, self._held = [], 0
        if not self._is_begun:
            line, self._is_begun = line.removeprefix(codecs.BOM_UTF8), True
        if is_too_long:
            yield Row(refusal="text_too_long")
        elif not line.isspace() and line:
            yield self._read(line)

    def _read(self, line: bytes) -> Row:
        try:
            value = strict.decode(line.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            return MALFORMED
        return read(value, self._text_limit)


class CsvUpload:
    """RFC 4180 with a header: the column ``text``, perhaps ``id``; other columns are passed over."""

    def __init__(self, text_limit: int) -> None:
        self._text_limit = text_limit
        self._limit = longest_row(text_limit)
        # Of the whole process, which reads no other CSV.
        csv.field_size_limit(self._limit)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._lines = _Lines()
        self._records = csv.reader(self._lines, strict=True)
        self._enough = 0
        self._columns: dict[str, int] | None = None
        self._rows = 0

    def feed(self, data: bytes, *, is_last: bool = False) -> Iterator[Row]:
        """Return the rows that are complete now."""
        self._lines.add(self._decoder.decode(data, is_last), is_last=is_last)
        if self._lines.held < self._enough and not is_last:
            return
        while (record := self._record()) is not None:
            if record and self._columns is None:
                self._columns = self._header(record)
            elif record and self._columns is not None:
                self._rows += 1
                yield self._read(record, self._columns)
        if self._lines.held > self._limit:
            raise self._malformed(f"a quote is not closed, or it is longer than {self._limit} characters")
        self._enough = 2 * self._lines.held

    def end(self) -> Iterator[Row]:
        """Return what is left when no more comes."""
        yield from self.feed(b"", is_last=True)

    def _record(self) -> list[str] | None:
        """Return the next record, empty for an empty line; None: more must come, or nothing does."""
        try:
            record = next(self._records)
        except (_Cut, StopIteration):
            return None
        except csv.Error as error:
            raise self._malformed(str(error)) from None
        self._lines.forget()
        return record

    def _header(self, record: list[str]) -> dict[str, int]:
        names = [name.strip().lower() for name in record]
        if names.count("text") != 1:
            problem = "CSV needs a header line with one column named 'text'"
            raise InvalidRequest(problem, [{"detail": problem, "pointer": "#"}])
        return {name: names.index(name) for name in ("text", "id") if name in names}

    def _read(self, record: list[str], columns: dict[str, int]) -> Row:
        if len(record) <= max(columns.values()):
            return MALFORMED
        return read({name: record[place] for name, place in columns.items()}, self._text_limit)

    def _malformed(self, reason: str) -> MalformedUpload:
        return MalformedUpload(f"The body is not CSV. At row {self._rows}: {reason}.")


class _Cut(Exception):
    """The lines so far end within a record."""


class _Lines(Iterator[str]):
    """Lines for ``csv.reader``, which can be given the lines of a cut record again."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._parts: list[str] = []
        self._next = self._done = 0
        self._is_last = False
        #: Characters that belong to no record yet.
        self.held = 0

    def __next__(self) -> str:
        if self._next < len(self._lines):
            self._next += 1
            return self._lines[self._next - 1]
        if self._is_last:
            raise StopIteration
        raise _Cut

    def add(self, text: str, *, is_last: bool) -> None:
        """Take in what came: the lines of records that were read go, those of a cut one are given again."""
        del self._lines[: self._done]
        self._next = self._done = 0
        self.held += len(text)
        *lines, rest = text.split("\n")
        for line in lines:
            self._parts.append(line + "\n")
            self._lines.append("".join(self._parts))
            self._parts = []
        self._parts.append(rest)
        if is_last and (final := "".join(self._parts)):
            self._lines.append(final)
        self._is_last = is_last

    def forget(self) -> None:
        """The lines given so far made a whole record."""
        self.held -= sum(map(len, self._lines[self._done : self._next]))
        self._done = self._next


def _gap(text: str, position: int) -> int:
    """Return where the white space ends that begins here."""
    matched = _SPACE.match(text, position)
    return matched.end() if matched else position


_FORMS: dict[str, type[ArrayUpload] | type[LinesUpload] | type[CsvUpload]] = {
    "application/json": ArrayUpload,
    "application/jsonl": LinesUpload,
    "application/x-jsonlines": LinesUpload,
    "application/ndjson": LinesUpload,
    "application/x-ndjson": LinesUpload,
    "text/csv": CsvUpload,
}
