"""A line of a service's log becomes a line for a person."""

import json
from datetime import UTC

from embedded.rendering import render


def record(**fields):
    return json.dumps(
        {"time": "2026-01-02T03:04:05.678+00:00", "level": "INFO", "logger": "gateway.app", **fields}
    )


def test_a_json_line_becomes_time_part_event_and_fields():
    line = record(event="gateway.ready", port=8000, host="127.0.0.1")
    assert render("gateway", line, zone=UTC) == "03:04:05 gateway     gateway.ready  port=8000 host=127.0.0.1"


def test_an_event_without_fields_has_no_space_at_the_end():
    assert render("redis", record(event="up"), zone=UTC) == "03:04:05 redis       up"


def test_values_with_spaces_quotes_or_line_breaks_stay_one_value():
    line = record(
        event="e", a="two words", b='say "x"', c="x\ny", d="", e={"k": [1, None]}, f="k=v", g="négatif"
    )
    assert render("worker", line, zone=UTC).endswith(
        r'e  a="two words" b="say \"x\"" c="x\ny" d="" e={"k":[1,null]} f="k=v" g=négatif'
    )


def test_escape_sequences_in_a_value_cannot_reach_the_terminal():
    assert "\x1b" not in render("worker", record(event="e", a="\x1b[2J"), zone=UTC)


def test_a_warning_says_so_and_keeps_its_event():
    line = render("worker", record(event="alias.moved", level="WARNING", version=3), zone=UTC)
    assert line == "03:04:05 worker      WARNING  alias.moved  version=3"


def test_a_traceback_follows_below_its_line():
    text = render("worker", record(event="broken", exc_info="Traceback:\n  boom"), zone=UTC)
    assert text == "03:04:05 worker      broken\n    Traceback:\n      boom"


def test_a_line_that_is_no_log_record_is_passed_as_it_is():
    assert render("trainer", "epoch 1: {3}", zone=UTC) == "         trainer     epoch 1: {3}"
    assert render("trainer", '{"no": "event in it"}', zone=UTC).endswith('{"no": "event in it"}')
    assert render("trainer", "[1, 2]", zone=UTC).endswith("[1, 2]")


def test_a_record_with_a_time_nobody_can_read_is_shown_without_one():
    line = json.dumps({"event": "e", "time": "soon"})
    assert render("redis", line, zone=UTC) == "         redis       e"


def test_each_service_has_a_colour_and_its_workers_share_one():
    line = record(event="e")
    colours = [
        render(part, line, colour=True, zone=UTC).split("m")[0] for part in ("worker-1", "worker-2", "redis")
    ]
    assert colours[0] == colours[1] != colours[2]
    assert render("worker-1", line, colour=True, zone=UTC).count("\x1b[0m") == 1
