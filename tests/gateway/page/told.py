"""What monitoring tells the page, made up: an hour of traffic, live quality, drift."""

import json
import time
from typing import Any

from redis import Redis

from contract import keys
from contract.alerts import Alert
from contract.overview import Overview

INTERVAL = (0.8, 0.95)


def overview(now: float, negatives: int = 3) -> Overview:
    """An overview in which so many answers were negative within the window."""
    minute = int(now // 60 * 60)
    classes = [
        {"label": label, "precision": 0.9, "precision_interval": INTERVAL, "recall": 0.88, "f1": 0.89,
         "recall_interval": INTERVAL, "f1_interval": INTERVAL, "support": 100}
        for label in ("negative", "positive")
    ]  # fmt: skip
    comparison = {"effect": 0.3, "measure": "psi", "p_value": 0.0001, "limit": 0.2}
    model: Any = {
        "minutes": [
            {"at": minute - 60 * ago, "succeeded": 40 + ago, "failed": 1, "canceled": 0, "negative": 5,
             "p50_s": 0.02, "p95_s": 0.05, "p99_s": 0.1}
            for ago in range(60, -1, -1)
        ],
        "hours": [
            {"at": minute // 3600 * 3600 - 3600 * ago, "ended": 100 + ago} for ago in range(48, -1, -1)
        ],
        "quality": [{
            "version": "2", "at": now, "judged": 200, "accuracy": 0.88, "accuracy_interval": INTERVAL,
            "estimated_accuracy": 0.9, "estimated_interval": INTERVAL, "classes": classes,
        }],
        "accuracy": [{"at": now - 3600 * ago, "version": "2", "value": 0.88} for ago in range(9, -1, -1)],
        "drift": [{
            "version": "2", "at": now, "reference": 1000, "current": 500,
            "comparisons": [{"name": "labels", **comparison, "is_drifting": True}],
        }],
        "labels": {"positive": 30, "negative": 10},
    }  # fmt: skip
    window: Any = {
        "subject": "sentiment", "count": negatives, "limit": 3, "window_s": 3600.0,
        "times": [now - 200 + 10 * number for number in range(negatives)],
    }  # fmt: skip
    told: Any = {"at": now, "history_at": now, "windows": [window], "models": {"sentiment": model}}
    return told


def tell(redis: Redis, negatives: int = 3) -> None:
    """Write it, and as one that does not grow old however slow the machine is."""
    now = time.time()
    redis.set(keys.OVERVIEW, json.dumps({**overview(now, negatives), "at": now + 3600}))


def fire(redis: Redis, id: str) -> None:
    """Raise an alert."""
    alert = Alert(
        id=id, rule="negatives", severity="warning", count=4, threshold=3, window_s=300.0,
        fired_at=time.time(), summary="4 negative answers of sentiment within 5 minutes", subject="sentiment",
    )  # fmt: skip
    redis.hset(keys.alert(id), mapping=alert.to_hash())
    redis.zadd(keys.ALERTS, {id: alert.fired_at})
