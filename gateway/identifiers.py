"""Ids of predictions: 26 characters that sort by time and cannot be guessed."""

import secrets
import time


def new_id() -> str:
    """Return twelve hexadecimal digits of milliseconds and fourteen of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"
