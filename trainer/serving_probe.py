"""The process in which a model is measured: ``python -m trainer.serving_probe FOLDER TEXTS SECONDS``.

Prints one line of JSON, the fields of ``serving.Serving``.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

BATCH = 32
#: A 99th percentile needs about this many calls; a slow model makes fewer in its time, but never fewer than
#: the least.
CALLS, LEAST = 300, 10


def run(folder: Path, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """Load the model and measure it."""
    import mlflow.pyfunc

    before = _memory("VmRSS")
    _forget_the_peak()
    start = time.perf_counter()
    model = mlflow.pyfunc.load_model(str(folder)).unwrap_python_model()
    model.predict(None, list(texts[:1]))
    loaded = time.perf_counter() - start
    one, many = ([*_timed(model, _batches(texts, size), seconds)] for size in (1, BATCH))
    return {
        "load_s": loaded,
        "single": _latency(one),
        "batch": _latency(many),
        "throughput": BATCH * len(many) / sum(many),
        "memory": max(_memory("VmHWM") - before, 0),
        "size": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "explain_s": _explanation(model, texts),
    }


def _batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    endless = cycle(texts)
    return (list(islice(endless, size)) for _ in range(CALLS))


def _timed(model: Any, batches: Iterator[list[str]], seconds: float) -> Iterator[float]:
    """Yield the time of each call, until there are enough or the time is over."""
    end = time.perf_counter() + seconds
    model.predict(None, next(batches))
    for number, batch in enumerate(batches, start=1):
        yield _time(lambda batch=batch: model.predict(None, batch))  # type: ignore[misc]
        if number >= LEAST and time.perf_counter() > end:
            return


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _latency(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    # The rank above: of fewer than a hundred calls the slowest.
    p99 = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return {"p50_s": statistics.median(ordered), "p99_s": p99, "calls": len(ordered)}


def _explanation(model: Any, texts: Sequence[str]) -> float | None:
    """Return the seconds one explanation takes, of a text of middling length."""
    if not hasattr(model, "explain"):
        return None
    text = sorted(texts, key=len)[len(texts) // 2]
    return statistics.median(_time(lambda: model.explain(text)) for _ in range(3))


def _memory(field: str) -> int:
    """Return one of the kernel's figures about this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def _forget_the_peak() -> None:
    """Let the peak of memory begin anew: importing may have needed more than serving will."""
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    folder, asked, seconds = sys.argv[1:]
    print(json.dumps(run(Path(folder), json.loads(Path(asked).read_text("utf-8")), float(seconds))))
