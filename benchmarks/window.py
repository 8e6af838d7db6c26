"""How soon the fourth negative is an alert, under load, and what monitoring costs a prediction.

``python -m benchmarks.window``
"""

import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import psutil
import redis
import sqlalchemy
import typer

from benchmarks import machine, processes, redis_server, report
from contract import keys

#: Events are written in pieces of this many milliseconds.
PIECE_MS = 10
START_S = 30


def run(
    rate: Annotated[int, typer.Option(min=100, help="Predictions a second.")] = 1_000,
    seconds: Annotated[int, typer.Option(min=5, help="How long.")] = 60,
) -> None:
    """Write the events of predictions at a rate, once a second four negatives of a model of their own."""
    processes.stop_on_sigterm()
    here = machine.here()
    with redis_server.started() as url, tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        database = f"sqlite:///{folder}/history.db"
        settings = {"REDIS_URL": url, "MONITORING_DATABASE_URL": database}
        log = Path(folder, "log")
        with (
            processes.running([sys.executable, "-m", "monitoring"], log, settings) as monitoring,
            redis.Redis.from_url(url, decode_responses=True) as client,
        ):
            _ready(client, log)
            process = psutil.Process(monitoring.pid)
            before = sum(process.cpu_times()[:2])
            heard = _Heard(url)
            told = _write(client, rate, seconds)
            heard.wait(len(told))
            written = rate * seconds + 4 * len(told)
            _kept(database, written)
            cost_s = sum(process.cpu_times()[:2]) - before
            rss_mib = process.memory_info().rss / 2**20
        delays = sorted(heard.at[model] - at for model, at in told.items())
    head = ("predictions a second", "bursts", "p50", "p95", "slowest", "CPU a prediction", "memory")
    row = (
        str(rate), str(len(delays)),
        *(f"{report.percentile(delays, share):.2f} s" for share in (0.5, 0.95, 1)),
        f"{cost_s / written * 1e6:.0f} µs", f"{rss_mib:.0f} MiB",
    )  # fmt: skip
    figures = {"rate": rate, "delays_s": delays, "cpu_s": cost_s, "predictions": written, "rss_mib": rss_mib}
    report.write("window", here, [report.table(head, [row])], figures)


class _Heard:
    """Listens to the stream: when the alert of each model came."""

    def __init__(self, url: str) -> None:
        self.at: dict[str, float] = {}
        self._client = redis.Redis.from_url(url, decode_responses=True)
        self._last = self._client.xinfo_stream(keys.EVENTS)["last-generated-id"]
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + START_S
        while len(self.at) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{count - len(self.at)} alerts never came")
            time.sleep(0.05)

    def _listen(self) -> None:
        # Redis ends before this thread does.
        with suppress(redis.ConnectionError):
            while True:
                self._read()

    def _read(self) -> None:
        for _, entries in self._client.xread({keys.EVENTS: self._last}, count=10_000, block=1_000):
            for entry, fields in entries:
                self._last = entry
                if fields["type"] == "alert.fired" and fields["rule"] == "negatives":
                    self.at[fields["subject"]] = time.monotonic()


def _write(client: redis.Redis, rate: int, seconds: int) -> dict[str, float]:
    """Write all events in time; return when the fourth negative of each model was."""
    told: dict[str, float] = {}
    start = time.monotonic()
    for piece in range(seconds * 1000 // PIECE_MS):
        with client.pipeline(transaction=False) as pipe:
            for i in range(rate * PIECE_MS // 1000):
                pipe.xadd(keys.EVENTS, event(f"p{piece}-{i}", "sentiment", "positive"))
            # Not at the same moment of each second: the ticks are once a second too.
            number, within = divmod(piece * PIECE_MS, 1_000)
            is_burst = within // PIECE_MS == number * 37 % (1_000 // PIECE_MS)
            if is_burst:
                for i in range(4):
                    pipe.xadd(keys.EVENTS, event(f"n{piece}-{i}", f"m{number}", "negative"))
            pipe.execute()
        if is_burst:
            told[f"m{number}"] = time.monotonic()
        time.sleep(max(0.0, start + (piece + 1) * PIECE_MS / 1000 - time.monotonic()))
    return told


def event(id: str, model: str, label: str) -> dict[str, str]:
    """Return the event of a prediction that succeeded just now, as a worker writes it."""
    now = time.time()
    output = f'{{"label": "{label}", "score": 0.9, "scores": [{{"label": "{label}", "score": 0.9}}]}}'
    return {
        "v": "1", "type": "prediction.succeeded", "id": id, "model": model,
        "created_at": f"{now - 0.02:.6f}", "started_at": f"{now - 0.01:.6f}", "completed_at": f"{now:.6f}",
        "attempts": "1", "owner": "", "size": "60", "batch": "", "label": label, "webhook": "",
        "status": "succeeded", "version": "1", "inference_s": "0.001", "batch_size": "8", "is_truncated": "",
        "output": output,
    }  # fmt: skip


def _ready(client: redis.Redis, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while not client.exists(keys.MONITORING_HEARTBEAT):
        if time.monotonic() > deadline:
            raise SystemExit(f"monitoring did not start:\n{processes.tail(log)}")
        time.sleep(0.05)
    client.xadd(keys.EVENTS, {"type": "benchmark.begins"})


def _kept(database: str, expected: int) -> None:
    """Wait until the history holds every prediction: the cost is that of all the work."""
    engine = sqlalchemy.create_engine(database)
    deadline = time.monotonic() + START_S
    while True:
        with engine.connect() as connection:
            found = connection.scalar(sqlalchemy.text("SELECT count(*) FROM predictions"))
        if found == expected:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"the history holds {found} of {expected} predictions")
        time.sleep(0.2)


if __name__ == "__main__":
    typer.run(run)
