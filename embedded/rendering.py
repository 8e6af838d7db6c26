"""One line of a service's log, made readable for a person.

Pure: text in, text out. No clock, no stream, no knowledge of what the services are.
"""

import json
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from zlib import crc32

#: Wide enough for the longest name of a part, ``monitoring``, and a space.
NAME_WIDTH = 11
#: ANSI colours that can be read on black and on white; red and yellow are kept for levels.
COLOURS = (32, 34, 35, 36, 92, 94, 95, 96)
LEVEL_COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
#: What every line has; everything else in it is a field, but for uvicorn's second copy of its message.
FRAME = frozenset({"time", "level", "logger", "event", "color_message"})
#: Fields of several lines, printed below the line.
BLOCKS = ("exc_info", "stack_info")


def render(part: str, line: str, *, colour: bool = False, zone: tzinfo | None = None) -> str:
    """Return ``HH:MM:SS part  event  key=value ...`` for a JSON line, and any other line behind the prefix.

    Args:
        part: the name of the process that wrote the line, for example ``gateway``.
        line: what it wrote, without the line break.
        colour: whether to add ANSI colours, one for each part.
        zone: the time zone to show times in; None is the machine's own.
    """
    record = _record(line)
    if record is None:
        return f"{_prefix('', part, colour)} {line.rstrip()}"
    level = str(record.get("level", "INFO"))
    words = [_prefix(_clock(record.get("time"), zone), part, colour), str(record["event"])]
    if level not in ("INFO", "DEBUG"):
        words.insert(1, f"{_paint(level, LEVEL_COLOURS.get(level), colour=colour)} ")
    fields = " ".join(f"{key}={_value(value)}" for key, value in _fields(record).items())
    first = " ".join([*words, *([f" {fields}"] if fields else [])])
    blocks = [str(record[key]) for key in BLOCKS if record.get(key)]
    return "\n".join([first, *(f"    {text}" for block in blocks for text in block.splitlines())])


def _record(line: str) -> Mapping[str, Any] | None:
    """Return the line's fields, or None if it is not one of our log lines."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in FRAME and key not in BLOCKS}


def _value(value: Any) -> str:
    """Return a value so that the next ``key=`` cannot be mistaken for a part of it."""
    if isinstance(value, str) and value.isprintable() and value and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _clock(time: Any, zone: tzinfo | None) -> str:
    try:
        return datetime.fromisoformat(str(time)).astimezone(zone).strftime("%H:%M:%S")
    except ValueError:
        return ""


def _prefix(clock: str, part: str, colour: bool) -> str:  # noqa: FBT001
    # The number of a worker does not change its colour: worker-1 and worker-2 are one service.
    shade = COLOURS[crc32(part.partition("-")[0].encode()) % len(COLOURS)]
    return f"{clock:8} {_paint(f'{part:{NAME_WIDTH}}', shade, colour=colour)}"


def _paint(text: str, shade: int | None, *, colour: bool) -> str:
    return f"\x1b[{shade}m{text}\x1b[0m" if colour and shade else text
