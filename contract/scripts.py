"""Lua that more than one service runs: the end of a prediction."""

from importlib.resources import files

from contract import events, jobs, keys

#: What the text below calls ``keys``: constants, so that no call has to carry them.
_KEYS = {
    "prediction": keys.PREDICTION_PREFIX,
    "job": keys.JOB_PREFIX,
    "queue": keys.QUEUE_PREFIX,
    "backlog": keys.BACKLOG_PREFIX,
    "batch": keys.BATCH_PREFIX,
    "subscribed": keys.SUBSCRIBED_PREFIX,
    "events": keys.EVENTS,
    "outbox": keys.OUTBOX,
    "deadlines": keys.DEADLINES,
    "events_kept": events.EVENTS_KEPT,
    "retention": int(jobs.RETENTION.total_seconds()),
}

#: Prepended to every script that can end a prediction or a batch: commit and reap (worker), cancel (gateway).
TERMINAL = (
    "local keys = {" + ", ".join(f"{name} = '{value}'" for name, value in _KEYS.items()) + "}\n"
    + files("contract").joinpath("terminal.lua").read_text("utf-8")
)  # fmt: skip
