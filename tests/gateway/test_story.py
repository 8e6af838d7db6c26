"""What a record tells of its past, and what is left of it to who heard a part."""

import pytest

from contract.predictions import Record
from gateway.streams.story import heard, line, rest, story

CREATED: Record = {
    "id": "p1", "model": "sentiment", "status": "starting", "input": '{"text":"a"}', "attempts": "0",
    "created_at": "1700000000.250000", "metadata": "", "owner": "k1",
}  # fmt: skip
CLAIMED: Record = {**CREATED, "status": "processing", "attempts": "1", "started_at": "1700000001.5"}
BACK: Record = {**CLAIMED, "status": "starting"}
CLAIMED_AGAIN: Record = {**CLAIMED, "attempts": "2", "started_at": "1700000009.5"}
ENDED: Record = {
    **CLAIMED_AGAIN,
    "status": "succeeded",
    "version": "3",
    "output": "{}",
    "completed_at": "1700000010.5",
}
LIFE = [CREATED, CLAIMED, BACK, CLAIMED_AGAIN, ENDED]


def names(record: Record) -> list[str]:
    return [moment.event for moment in story(record)]


def test_each_state_of_a_life_has_a_higher_number_than_the_one_before() -> None:
    newest = [story(record)[-1].number for record in LIFE]
    assert newest == sorted(set(newest))


def test_an_operators_rerun_goes_on_behind_the_end_that_it_takes_back() -> None:
    failed: Record = {**CLAIMED, "status": "failed", "error": "x", "completed_at": "1700000002.5"}
    again: Record = {**CLAIMED, "attempts": "2"}
    assert story(again)[-1].number > story(failed)[-1].number + 1


def test_who_follows_live_hears_each_state_once() -> None:
    after, told = 0, []
    for record in LIFE:
        for moment in rest(story(record), after):
            after = moment.number
            told.append(moment.record["status"])
    assert told == ["starting", "processing", "starting", "processing", "succeeded"]


def test_who_comes_late_hears_the_whole_story_as_it_was_then() -> None:
    starting, processing, completed = story(ENDED)
    assert (starting.event, processing.event, completed.event) == ("starting", "processing", "completed")
    assert starting.record == {
        "id": "p1", "model": "sentiment", "status": "starting", "input": '{"text":"a"}', "metadata": "",
        "created_at": "1700000000.250000",
    }  # fmt: skip
    assert (processing.record["attempts"], processing.record["started_at"]) == ("2", "1700000009.5")
    assert "output" not in processing.record
    assert completed.record == ENDED


@pytest.mark.parametrize("heard_of", range(5))
def test_who_heard_a_part_and_comes_back_at_the_end_hears_the_rest_once(heard_of: int) -> None:
    after = story(LIFE[heard_of])[-1].number
    told = [moment.number for moment in rest(story(ENDED), after)]
    assert all(number > after for number in told)
    assert heard_of == 4 or told[-1] == story(ENDED)[-1].number


def test_a_failure_is_told_as_an_error_and_a_cancel_before_any_attempt_has_no_processing() -> None:
    assert names({**CLAIMED, "status": "failed"}) == ["starting", "processing", "error"]
    assert names({**CREATED, "status": "canceled"}) == ["starting", "completed"]


def test_a_number_that_was_never_reached_begins_the_story_anew() -> None:
    assert rest(story(CLAIMED), 999) == story(CLAIMED)


@pytest.mark.parametrize("header", [None, "", "x", "-1", "1.5", "٣", "9" * 40])
def test_an_id_that_is_none_of_ours_is_none(header: str | None) -> None:
    assert heard(header) == 0


def test_data_stay_one_line_for_readers_that_split_at_every_unicode_line_end() -> None:
    assert line('{"text":"a\u2028b\u2029c\x85d é"}').splitlines() == [
        '{"text":"a\\u2028b\\u2029c\\u0085d é"}'
    ]
