import json
import stat

import pytest

from trainer.data.feedback import collect
from trainer.errors import BadData, ServiceUnavailable

from .peer import peer


def prediction(id, text, truth=None):
    feedback = truth and {"label": truth, "source": "support", "at": "2026-11-22T20:00:00Z"}
    output = {"label": "positive", "score": 0.9, "scores": []}
    return {"id": id, "version": "3", "input": {"text": text}, "output": output, "feedback": feedback}


def service(pages, key="secret"):
    """A service with these pages, each naming the next by an address that only insiders reach."""

    def answer(path, headers):
        if headers.get("Authorization") != f"Bearer {key}":
            return 401, {}
        assert path.startswith("/v1/predictions?")
        number = int(path.partition("cursor=")[2] or 0)
        follows = number + 1 < len(pages)
        address = f"http://inside.example/v1/predictions?cursor={number + 1}" if follows else None
        return 200, {"previous": None, "next": address, "results": pages[number]}

    return peer(answer)


def kept(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_feedback_of_all_pages_is_kept_and_what_has_none_is_not(tmp_path):
    path = tmp_path / "feedback.jsonl"
    pages = [
        [prediction("a", "rude", "negative"), prediction("b", "fine")],
        [prediction("c", "ok", "positive")],
    ]
    with service(pages) as url:
        assert collect(url, "secret", path) == (2, 0)
    assert [(row["id"], row["text"], row["label"], row["predicted"]) for row in kept(path)] == [
        ("a", "rude", "negative", "positive"),
        ("c", "ok", "positive", "positive"),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_collection_adds_and_corrects_and_forgets_nothing(tmp_path):
    path = tmp_path / "feedback.jsonl"
    with service([[prediction("a", "rude", "negative"), prediction("b", "fine", "positive")]]) as url:
        collect(url, "secret", path)
    with service([[prediction("b", "fine", "negative"), prediction("c", "ok", "positive")]]) as url:
        assert collect(url, "secret", path) == (1, 1)
    assert {row["id"]: row["label"] for row in kept(path)} == {
        "a": "negative",
        "b": "negative",
        "c": "positive",
    }


def test_what_was_collected_can_be_trained_on(tmp_path):
    from trainer.data.files import Columns, read

    path = tmp_path / "feedback.jsonl"
    with service([[prediction("a", "two\nlines \u2028 here", "negative")]]) as url:
        collect(url, "secret", path)
    assert [(row.text, row.label) for row in read(path, Columns()).rows] == [
        ("two\nlines \u2028 here", "negative")
    ]


def test_no_key_no_service_and_a_foreign_file_are_told_apart(tmp_path):
    path = tmp_path / "feedback.jsonl"
    with (
        service([[]]) as url,
        pytest.raises(ServiceUnavailable, match="401: give a key with the scope 'read'"),
    ):
        collect(url, "", path)
    with pytest.raises(ServiceUnavailable, match=r"no service answers at http://127\.0\.0\.1:9"):
        collect("http://127.0.0.1:9", "", path)
    path.write_text("text,label\n")
    with pytest.raises(BadData, match="no file of collected feedback"):
        collect("http://127.0.0.1:9", "", path)
