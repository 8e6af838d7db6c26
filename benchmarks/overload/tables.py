"""The overloads as tables and plot."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import plot, report
from benchmarks.overload.arrivals import CONNECTIONS
from benchmarks.overload.judging import Judgement
from benchmarks.overload.scene import Scene


def answers_table(scenes: Sequence[Scene]) -> str:
    """Return what became of the texts, one column a scene."""

    def row(name: str, cell: Callable[[Scene, Judgement], str]) -> list[str]:
        return [name, *(cell(scene, scene.judgement) for scene in scenes)]

    rows = [
        row("capacity, predictions/s", lambda s, _: f"{s.capacity:,.0f}"),
        row("sent /s", lambda s, j: f"{j.sent / s.seconds:,.0f}"),
        row("succeeded in time /s", lambda _, j: f"{j.in_time / j.span_s if j.span_s else 0:,.0f}"),
        row("sent", lambda _, j: f"{j.sent:,}"),
        row("accepted", lambda _, j: f"{j.accepted:,}"),
        row("refused with 503", lambda _, j: f"{j.refused:,} ({j.refused / j.sent:.0%})"),
        row("503 without Retry-After", lambda _, j: f"{j.without_retry_after:,}"),
        row("other answers", lambda _, j: ", ".join(f"{n:,} x {s}" for s, n in j.others.items()) or "0"),
        row("503: p50, p99 ms", lambda _, j: _pair(j.refused_ms)),
        row("202: p50, p99 ms", lambda _, j: _pair(j.accepted_ms)),
        row("accepted, succeeded before the deadline", lambda _, j: f"{j.in_time:,}"),
        row("accepted, canceled at the deadline ± 1 s", lambda _, j: f"{j.canceled:,}"),
        row("accepted, ended late", lambda _, j: f"{j.late:,}"),
        row("latest end after its deadline, s", lambda _, j: f"{j.worst_late_s:.2f}"),
        row("accepted, never ended", lambda _, j: f"{j.open:,}"),
        row("processes that died", lambda s, _: ", ".join(s.died) or "none"),
        row(
            f"sent late for want of a connection ({CONNECTIONS:,}), p99 ms",
            lambda _, j: f"{j.lag_p99_ms:.0f}",
        ),
    ]
    return report.table(["", *(scene.name for scene in scenes)], rows)


def memory_table(scenes: Sequence[Scene]) -> str:
    """Return the memory of every process at some moments, and what one accepted prediction takes at rest."""
    rows = []
    for scene in scenes:
        for name, points in scene.memory.items():
            sizes = [size for _, size in points]
            quarter = sizes[len(sizes) // 4]
            cells = (sizes[0], quarter, sizes[-1], max(sizes))
            rows.append([f"{name}, {scene.name}", *(f"{size:,.0f}" for size in cells)])
        data = [size for _, size in scene.memory["redis data"]]
        kept = (data[-1] - data[0]) * 2**10 / max(scene.judgement.accepted, 1)
        rows.append([f"KiB in Redis for each accepted, {scene.name}", "", "", f"{kept:.1f}", ""])
    return report.table(["MiB", "at the start", "after a quarter", "at the end", "most"], rows)


def draw(scene: Scene, file: Path) -> None:
    """Draw the memory of every process."""
    title = f"Memory at {scene.rate / scene.capacity:g} times the capacity, {scene.name}"
    plot.timeline(title, "MiB", scene.memory, file)


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.1f}, {values[1]:.1f}"
