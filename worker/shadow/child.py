"""The process that holds the challenger: ``python -m worker.shadow.child``, one JSON line in, one out.

It is the last that the kernel gives time to and the first that it kills for memory, so whatever a challenger
does, it does to itself. It asks the registry for files, and tells nobody but its worker anything. It ends
when its worker does: then there is no more input.
"""

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from worker import threads


def main() -> None:
    """Load the version that the first line names, say whether it may answer, and answer line by line."""
    # Models print; what goes to the worker must be ours alone.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _stand_back()
    # One core's thread: a challenger must not take them all at once.
    threads.limit(1)
    told = json.loads(sys.stdin.readline() or "null")
    if told is not None:
        _serve(channel, told)


def _serve(channel: IO[str], told: dict[str, str]) -> None:
    from worker.errors import ModelBroken, ModelUnavailable
    from worker.registry import Registry, Version
    from worker.shelf import Shelf
    from worker.versions import Versions

    version = Version(told["number"], told["key"])
    registry = Registry(told["tracking_uri"], told["model"], threading.Event())
    shelf = Shelf(Path(told["cache"]), told["tracking_uri"], told["model"])
    try:
        model = Versions(registry, shelf, {"device": "cpu", "threads": 1}).on_trial(version)
    except ModelUnavailable as error:
        _say(channel, {"unavailable": str(error)})
        return
    except ModelBroken as error:
        _say(channel, {"broken": error.reason})
        return
    _say(channel, {"ready": True})
    for line in sys.stdin:
        _say(channel, [_answer(model, text) for text in json.loads(line)])


def _answer(model: Any, text: str) -> dict[str, Any]:
    """Answer one text. Its time is the processor's: this process mostly waits for its turn."""
    begun = time.process_time()
    try:
        (answer,) = model.classify(model.encode([text]))
        if not 0 <= answer.score <= 1:
            raise ValueError("no probability")  # noqa: TRY301 - counted like whatever a model raises
    except Exception as error:  # noqa: BLE001 - a challenger may raise anything; its words may hold the text
        return {"error": type(error).__name__, "seconds": time.process_time() - begun}
    seconds = time.process_time() - begun
    return {"label": answer.label, "scores": dict(answer.scores), "seconds": seconds}


def _say(channel: IO[str], told: object) -> None:
    channel.write(json.dumps(told) + "\n")
    channel.flush()


def _stand_back() -> None:
    """Run when nobody else wants to; where a sandbox forbids to ask for that, run as everybody."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


if __name__ == "__main__":
    main()
