"""What monitoring costs a prediction, part by part, and one overview over a history of a million.

``python -m benchmarks.monitoring``. The parts run here one after the other, by the processor time of this
process: what APScheduler adds, and what Redis does, is not in it. ``benchmarks.window`` measures the service.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import redis
import typer

from benchmarks import machine, processes, redis_server, report
from benchmarks.window import event
from contract import keys
from contract.events import Event
from monitoring import events
from monitoring.analysis.kinds import DATA, DRIFT, ESTIMATE, QUALITY
from monitoring.analysis.quality import quality
from monitoring.history import database
from monitoring.history.asking import Archive, Version
from monitoring.history.figures import Figures
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.history.rows import rows
from monitoring.monitor import Monitor
from monitoring.overview import Publisher
from monitoring.settings import Settings
from monitoring.showing import Limits
from monitoring.telemetry import NoTelemetry

MODEL = "sentiment"
RATES = (1, 100, 1_000)
WEEK_MS = 7 * 86_400_000
#: As often as the service analyses.
REPORT_EVERY_MS = 300_000
BATCH = 5_000
#: Overviews that are timed. The first reads everything, which the service does every thirty seconds.
OVERVIEWS = 30


@dataclass
class Parts:
    """What the service does with events, and the processor seconds that each took."""

    client: redis.Redis
    url: str
    took: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        engine = database.connect(self.url)
        settings = Settings()
        self.history, self.archive = History(engine), Archive(engine)
        self.monitor = Monitor(self.client, settings.rules(), NoTelemetry())
        self.follower = Follower(self.client, self.history, timedelta(days=30))
        limits = Limits(settings.limit, settings.window.total_seconds(), settings.negatives_by)
        self.publisher = Publisher(self.client, self.monitor, self.follower, Figures(engine), limits, [MODEL])

    def second(self) -> None:
        """Do what the service does in one second; the overview is due every other."""
        self.timed("alerts", self.monitor.tick)
        self.timed("history", self.follower)
        if len(self.took["alerts"]) % 2:
            self.timed("overview", self.publisher)

    def timed(self, name: str, step: Callable[[], object]) -> None:
        """Do one step and write down what it took."""
        start = time.process_time()
        step()
        self.took.setdefault(name, []).append(time.process_time() - start)


def run(
    seconds: Annotated[int, typer.Option(min=10, help="Seconds of events at each rate.")] = 40,
    predictions: Annotated[int, typer.Option(min=0, help="How many the full history holds.")] = 1_000_000,
) -> None:
    """Measure the cost of a prediction at some rates, then of one overview over a full history."""
    processes.stop_on_sigterm()
    here = machine.here()
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        costs = {rate: _cost(f"sqlite:///{folder}/{rate}.db", rate, seconds) for rate in RATES}
        full = _full(Path(folder, "full.db"), predictions)
    head = ("predictions a second", "alerts", "history", "overview", "together", "with history / without")
    table = [
        (
            f"{rate:,}", *(f"{cost[part]:.0f} µs" for part in ("alerts", "history", "overview")),
            f"{sum(cost.values()):.0f} µs", f"{sum(cost.values()) / cost['alerts']:.1f}",
        )
        for rate, cost in costs.items()
    ]  # fmt: skip
    second = ("one overview", "every 2 s", "every 30 s", "bytes", "database")
    row = (
        f"over {predictions:,} predictions", f"{full['median_s'] * 1e3:.1f} ms",
        f"{full['slowest_s'] * 1e3:.0f} ms", f"{full['bytes']:,.0f}", f"{full['mib']:,.0f} MiB",
    )  # fmt: skip
    figures = {"us_a_prediction": costs, "overview": full}
    report.write("monitoring", here, [report.table(head, table), report.table(second, [row])], figures)


def _cost(url: str, rate: int, seconds: int) -> dict[str, float]:
    """Return the processor time of a prediction in microseconds, by part."""
    with redis_server.started() as address, events.connect(address) as client:
        parts = Parts(client, url)
        # What happens once, at a start, is not the cost of a prediction.
        parts.second()
        parts.took.clear()
        for number in range(seconds):
            _write(client, number, rate)
            parts.second()
    return {part: sum(took) / (rate * seconds) * 1e6 for part, took in parts.took.items()}


def _write(client: redis.Redis, number: int, rate: int) -> None:
    """Write the events of one second; one in five is negative."""
    with client.pipeline(transaction=False) as pipe:
        for i in range(rate):
            fields = event(f"p{number}-{i}", MODEL, "positive" if i % 5 else "negative")
            pipe.xadd(keys.EVENTS, fields)
        pipe.execute()


def _full(file: Path, predictions: int) -> dict[str, float]:
    """Return what one overview costs over a week with so many predictions and all its reports."""
    with redis_server.started() as address, events.connect(address) as client:
        parts = Parts(client, f"sqlite:///{file}")
        now = events.now_ms(client)
        parts.history.prepare()
        for batch in _week(now, predictions):
            parts.history.keep(rows(batch), batch[-1].entry)
        for at_ms in range(now - WEEK_MS, now, REPORT_EVERY_MS):
            _report(parts.archive, at_ms)
        for number in range(OVERVIEWS):
            _write(client, number, 100)
            parts.second()
            parts.second()
        took = sorted(parts.took["overview"])
        return {
            "median_s": report.percentile(took, 0.5),
            "slowest_s": took[-1],
            "bytes": client.strlen(keys.OVERVIEW),
            "mib": file.stat().st_size / 2**20,
        }


def _week(now: int, predictions: int) -> Iterator[Sequence[Event]]:
    """Yield batches of events, spread evenly over the week until now."""
    batch = []
    for number in range(predictions):
        at_ms = now - WEEK_MS + number * WEEK_MS // predictions
        fields = event(f"w{number}", MODEL, "positive" if number % 5 else "negative")
        batch.append(Event(f"{at_ms}-{number % 1000}", fields["type"], fields))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _report(archive: Archive, at_ms: int) -> None:
    """Keep what one round of analysis keeps of a version."""
    of = Version(MODEL, "1")
    pairs = {("negative", "negative"): 400, ("positive", "positive"): 450, ("negative", "positive"): 50}
    found = [
        {"what": what, "measure": "ks", "effect": 0.05, "limit": 0.15, "p_value": 0.3, "is_drift": False}
        for what in ("labels", "scores", "sizes", "texts")
    ]
    shares = {"truncated": 0.0, "median_size": 80, "empty": 0.0, "repeated": 0.02}
    archive.report(QUALITY, of, at_ms, quality(pairs).to_dict())
    archive.report(ESTIMATE, of, at_ms, {"rows": 1_000, "accuracy": 0.9, "reference": 0.9})
    archive.report(DRIFT, of, at_ms, {"drifts": found, "rows": 1_000})
    archive.report(DATA, of, at_ms, {"rows": 1_000, **shares})


if __name__ == "__main__":
    typer.run(run)
