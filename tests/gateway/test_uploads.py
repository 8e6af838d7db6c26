"""Rows out of bytes, however the bytes are cut."""

import json
import sys
import tracemalloc
from collections.abc import Iterator
from types import FrameType

import pytest

from gateway.batches.rows import LONGEST_ID, REFUSALS, Row
from gateway.batches.uploads import longest_row, reader
from gateway.errors import InvalidRequest, MalformedUpload

JSON, LINES, CSV = "application/json", "application/x-ndjson", "text/csv; charset=utf-8"
#: What people write: emoji with a joiner, right to left, combining marks, separators of lines that are none.
TEXTS = [
    "fine",
    "👩\u200d🚀 😀",
    "טוב מאוד \u202e",
    "e\u0301\u0323",
    'she said "no", twice',
    "a\u2028b\x85c",
    "行",
]


def rows(form: str, body: bytes, *, cut: int = 2**16, text_limit: int = 1000) -> list[Row]:
    upload = reader(form, text_limit)
    assert upload is not None

    def read() -> Iterator[Row]:
        for begin in range(0, len(body), cut):
            yield from upload.feed(body[begin : begin + cut])
        yield from upload.end()

    return list(read())


def texts(found: list[Row]) -> list[str]:
    return [row.refusal or row.text for row in found]


def body_of(form: str, values: list[str], *, is_ascii: bool = False) -> bytes:
    if form == JSON:
        return json.dumps(values, ensure_ascii=is_ascii, indent=1).encode()
    if form == LINES:
        return "\r\n".join(json.dumps({"text": value}, ensure_ascii=is_ascii) for value in values).encode()
    return ("text\r\n" + "".join('"' + value.replace('"', '""') + '"\r\n' for value in values)).encode()


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64, 2**16])
@pytest.mark.parametrize("form", [JSON, LINES, CSV])
def test_rows_are_the_same_however_the_bytes_are_cut(form: str, cut: int) -> None:
    for is_ascii in (False, True):
        assert texts(rows(form, body_of(form, TEXTS, is_ascii=is_ascii), cut=cut)) == TEXTS


@pytest.mark.parametrize("form", [JSON, LINES, CSV])
def test_a_byte_order_mark_is_passed_over(form: str) -> None:
    assert texts(rows(form, b"\xef\xbb\xbf" + body_of(form, TEXTS))) == TEXTS


@pytest.mark.parametrize("cut", [1, 5, 2**16])
def test_a_row_has_an_id_and_metadata_of_the_clients(cut: int) -> None:
    line = b'{"text": "fine", "id": "\\u00e4-1", "metadata": {"n": [1, 2]}}'
    for form, body in ((JSON, b"[" + line + b', {"text": "two", "id": 7}]'), (LINES, line + b"\n")):
        assert rows(form, body, cut=cut)[0] == Row("fine", '"ä-1"', '{"n":[1,2]}')
    assert rows(JSON, b'[{"text": "two", "id": 7}]', cut=cut) == [Row("two", "7")]
    table = b'id,stars,Text\n1,5,fine\n2,1,"two\nlines"\n'
    assert rows(CSV, table, cut=cut) == [Row("fine", '"1"'), Row("two\nlines", '"2"')]


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ('""', "empty_text"),
        ('" \\u2003\\n"', "empty_text"),
        ('"a\\u0000b"', "unreadable_text"),
        ('"\\ud83d"', "unreadable_text"),
        (json.dumps("x" * 1001), "text_too_long"),
        ('{"text": null}', "invalid_row"),
        ('{"txt": "a typo"}', "invalid_row"),
        ('{"text": "a", "label": "an unknown field"}', "invalid_row"),
        (f'{{"text": "a", "id": "{"x" * (LONGEST_ID + 1)}"}}', "invalid_row"),
        ('{"text": "a", "id": true}', "invalid_row"),
        ('{"text": "a", "id": "\\ud83d"}', "invalid_row"),
        ('{"text": "a", "metadata": 5}', "invalid_row"),
        ('{"text": "a", "metadata": {"k": "\\ud83d"}}', "invalid_row"),
        ("null", "invalid_row"),
        ("17", "invalid_row"),
        ("[]", "invalid_row"),
    ],
)
def test_a_wrong_row_is_refused_alone_and_keeps_its_place(row: str, refusal: str) -> None:
    for form, body in ((JSON, f'["one", {row}, "three"]'), (LINES, f'"one"\n{row}\n"three"')):
        assert texts(rows(form, body.encode(), cut=11)) == ["one", refusal, "three"]
    assert refusal in REFUSALS


def test_a_refused_row_keeps_the_clients_id() -> None:
    assert rows(JSON, b'[{"text": "", "id": 4}]') == [Row(client_id="4", refusal="empty_text")]


@pytest.mark.parametrize(
    "line", [b'{"text": "cut', b"not json", b'"\xff"', b"[" * 100_000, b'{"text": "a", "text": "b"}', b"NaN"]
)
def test_a_line_that_is_no_json_is_a_refused_row(line: bytes) -> None:
    expected = "unreadable_text" if b"\xff" in line else "malformed"
    assert texts(rows(LINES, b'"one"\n' + line + b'\n\n"three"\n', text_limit=20_000)) == [
        "one",
        expected,
        "three",
    ]


def test_bytes_that_are_no_utf8_refuse_their_row_in_every_form() -> None:
    assert texts(rows(JSON, b'["one", "\xff\xfe", "three"]', cut=3)) == ["one", "unreadable_text", "three"]
    assert texts(rows(CSV, b"text\none\n\xff\xfe\nthree\n", cut=3)) == ["one", "unreadable_text", "three"]


def test_a_csv_row_with_too_few_columns_is_refused_and_empty_lines_are_none() -> None:
    assert texts(rows(CSV, b"id,text\n\n1\n2,fine\n\n")) == ["malformed", "fine"]


@pytest.mark.parametrize("form", [JSON, LINES, CSV])
def test_a_megabyte_in_one_row_is_refused_as_a_row_beyond_the_text_limit(form: str) -> None:
    long = "x" * 2**20
    assert texts(rows(form, body_of(form, ["one", long, "three"]), text_limit=100_000)) == [
        "one", "text_too_long", "three",
    ]  # fmt: skip
    assert texts(rows(form, body_of(form, ["one", long]), text_limit=2**20)) == ["one", long]


def test_a_line_without_an_end_is_forgotten_while_it_is_read() -> None:
    upload = reader(LINES, 1000)
    assert upload is not None
    tracemalloc.start()
    for _ in range(500):
        assert list(upload.feed(b"x" * 2**16)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * longest_row(1000)
    assert texts([*upload.feed(b'"\n"next"\n'), *upload.end()]) == ["text_too_long", "next"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  ", b"{}", b'"text"', b'{"text": "an object"}', b'["one"', b'["one",', b'["one",]', b"[,]",
        b'["one" "two"]', b'["one"] ["two"]', b'["one"]x', b"[1 2]", b'["one", {"text": oops}]', b"[NaN]",
        b'[{"text": "a", "text": "b"}]', b'["' + b"x" * 200_000, b'[' * 100_000, b'["one", "\\x"]',
        b"[" + b"1" * 5000 + b"]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("cut", [10, 2**16])
def test_an_array_that_is_none_is_refused_as_a_whole(body: bytes, cut: int) -> None:
    with pytest.raises(MalformedUpload) as refused:
        rows(JSON, body, cut=cut)
    assert "xxx" not in refused.value.detail


@pytest.mark.parametrize(
    "body", [b'text\n"one', b'text\n"one"x\n', b'text\nx\n"' + b"x," * 100_000 + b"\n" * 9, b"text\na\rb\n"]
)
def test_csv_that_is_none_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(MalformedUpload):
        rows(CSV, body)


@pytest.mark.parametrize("header", [b"review,stars", b"text,text", b"fine"])
def test_csv_without_a_column_of_texts_says_what_it_needs(header: bytes) -> None:
    with pytest.raises(InvalidRequest, match="column named 'text'"):
        rows(CSV, header + b"\nfine,5\n")


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"[\n]\n"])
def test_an_empty_array_has_no_rows(body: bytes) -> None:
    assert rows(JSON, body, cut=1) == []


@pytest.mark.parametrize(
    "form", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_other_forms_have_no_reader(form: str) -> None:
    assert reader(form, 1000) is None


@pytest.mark.parametrize("form", [JSON, CSV])
def test_a_long_row_that_comes_in_crumbs_is_not_parsed_again_for_each(form: str) -> None:
    upload = reader(form, 10**6)
    assert upload is not None
    body = body_of(form, ["\n".join("x" * 9 for _ in range(30_000))])
    tried = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal tried
        tried += event == "call" and frame.f_code.co_name in ("_row", "_record")

    sys.setprofile(count)
    for begin in range(0, 100_000, 100):
        assert list(upload.feed(body[begin : begin + 100])) == []
    sys.setprofile(None)
    assert 2 < tried < 40
