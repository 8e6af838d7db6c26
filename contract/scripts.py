"""Lua that more than one service runs: the end of a prediction, and the telling of events."""

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
    "delivery": keys.DELIVERY_PREFIX,
    "events": keys.EVENTS,
    "outbox": keys.OUTBOX,
    "deadlines": keys.DEADLINES,
    "events_kept": events.EVENTS_KEPT,
    "retention": int(jobs.RETENTION.total_seconds()),
}


def _lua(name: str) -> str:
    return files("contract").joinpath(name).read_text("utf-8")


#: Prepended to every script that tells receivers of an event.
OUTBOX = (
    "local keys = {" + ", ".join(f"{name} = '{value}'" for name, value in _KEYS.items()) + "}\n"
    + _lua("outbox.lua")
)  # fmt: skip
#: An alert is taken on: at the gateway, or at monitoring's command line.
ACKNOWLEDGE = _lua("acknowledge.lua")
#: Prepended to every script that can end a prediction or a batch: commit and reap (worker), cancel (gateway).
TERMINAL = OUTBOX + _lua("terminal.lua")
