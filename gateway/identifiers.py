"""Ids of predictions: 26 characters that sort by time and cannot be guessed."""

import re
import secrets
import time
from datetime import UTC, datetime


def new_id() -> str:
    """Return twelve hexadecimal digits of milliseconds and fourteen of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"


def made(id: str) -> datetime | None:
    """Return when an id of ours was made; None if it is not one of ours."""
    if not re.fullmatch("[0-9a-f]{26}", id):
        return None
    return datetime.fromtimestamp(int(id[:12], 16) / 1000, UTC)
