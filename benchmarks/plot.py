"""The figures as pictures. Knows how to draw, not how it was measured.

``python -m benchmarks.plot`` draws drains, servers and efficiency anew from what lies in ``results/``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import RESULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.draining import Drained
    from benchmarks.efficiency import Efficiency
    from benchmarks.serving import Served

OURS = "Barometer"
OURS_COLOUR, TEXT, FAINT = "#0b5fff", "#24292f", "#d0d7de"
#: A server that keeps what it accepts, and one that keeps nothing.
DURABLE, FORGETFUL = (
    ("#5b9a68", "#8a6fb0", "#b0803f", "#4f8f9d"),
    ("#8c959f", "#b3404a", "#e79ab0", "#d08770", "#c9a227"),
)
BAR = "#8c959f"
STYLE = {
    "svg.hashsalt": "barometer", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "text.color": TEXT, "axes.labelcolor": TEXT, "axes.edgecolor": FAINT, "xtick.color": TEXT,
    "ytick.color": TEXT, "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip
MODELS = {
    "noop": "A model that does nothing", "lr": "TF-IDF + logistic regression", "bilstm": "BiLSTM",
    "bert": "BERT-base size",
}  # fmt: skip


def drain(best: "Mapping[str, Sequence[Drained]]", file: Path) -> None:
    """Draw jobs a second of each queue, a panel a model."""

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, len(best), squeeze=False, sharey=True)[0]
        for axes, (model, rows) in zip(panels, best.items(), strict=True):
            _bars(axes, rows)
            axes.set_title(MODELS[model], loc="left", fontsize=11)
        # Once for all panels, which share it: the first row on top.
        panels[0].invert_yaxis()
        figure.suptitle("Jobs a second, one worker on a full queue", x=0.01, ha="left", weight="bold")

    save(draw, (5 * len(best) + 1.5, 3.8), file)


def efficiency(found: "Sequence[Efficiency]", file: Path) -> None:
    """Draw a bar a model: what one worker does, as a share of the model's own best."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        names = [
            f"{MODELS[one.model]}\n{one.drained:,.0f} of {one.in_process:,.0f} texts a second"
            for one in found
        ]
        axes.barh(names, 1, color=FAINT, height=0.55)
        axes.barh(names, [one.share for one in found], color=OURS_COLOUR, height=0.55)
        for place, one in enumerate(found):
            axes.text(0.015, place, f"{one.share:.0%}", va="center", color="white", weight="bold")
        axes.set_xlim(0, max(1, *(one.share for one in found)))
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.spines[["left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        figure.suptitle(
            "One worker on a full queue, as a share of its model's own best", x=0.01, ha="left", weight="bold"
        )

    save(draw, (9, 0.6 * len(found) + 1.2), file)


def serving(served: "Sequence[Served]", file: Path) -> None:
    """Draw predictions a second and the 99th percentile by the number of clients, a line a server."""

    def draw(figure: "Figure") -> None:
        rates, tails = figure.subplots(1, 2)
        _lines(rates, served, lambda one: one.rate)
        rates.set(title="predictions a second", ylim=(0, None))
        tails.set(title="99th percentile, ms", yscale="log")
        _lines(tails, served, lambda one: one.p99_ms)
        handles, names = rates.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
        figure.suptitle(
            "One text a request; solid lines keep what they accept", x=0.01, ha="left", weight="bold"
        )

    save(draw, (11, 5.2), file)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a second; marks of one kind share a lane above the lines."""

    at_s: float
    kind: str


Points = Sequence[tuple[float, float]]


def timeline(
    title: str, y_name: str, series: Mapping[str, Points], file: Path, marks: Sequence[Mark] = ()
) -> None:
    """Draw lines over the seconds of a run, from zero upwards, and above them what happened."""

    def draw(figure: "Figure") -> None:
        kinds = sorted({mark.kind for mark in marks})
        if kinds:
            lanes, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
            lanes.eventplot([[mark.at_s for mark in marks if mark.kind == kind] for kind in kinds])
            lanes.set_yticks(range(len(kinds)), kinds)
        else:
            axes = figure.subplots()
        for name, points in series.items():
            axes.plot([x for x, _ in points], [y for _, y in points], linewidth=1.4, label=name)
        axes.set(xlabel="seconds", ylabel=y_name, ylim=(0, None))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        if len(series) > 1:
            figure.legend(loc="outside right upper", frameon=False)
        figure.suptitle(title, x=0.01, ha="left", weight="bold")

    save(draw, (11, 3.8), file)


def _bars(axes: "Axes", rows: "Sequence[Drained]") -> None:
    ours = next(one.rate for one in rows if one.contender == OURS)
    names = [one.contender for one in rows]
    colours = [OURS_COLOUR if name == OURS else BAR for name in names]
    axes.barh(names, [one.rate for one in rows], color=colours, height=0.65)
    for place, one in enumerate(rows):
        ratio = "" if one.contender == OURS else f"   Barometer: {ours / one.rate:.1f} times as many"
        axes.text(one.rate + ours * 0.01, place, f"{one.rate:,.0f}{ratio}", va="center", fontsize=9)
    axes.set_xlim(0, ours * 1.18)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _lines(axes: "Axes", served: "Sequence[Served]", value: "Callable[[Served], float]") -> None:
    durable, forgetful = iter(DURABLE), iter(FORGETFUL)
    for name in dict.fromkeys(one.server for one in served):
        mine = [one for one in served if one.server == name]
        if name == OURS:
            colour, width = OURS_COLOUR, 3.0
        else:
            colour, width = next(durable if mine[0].durable else forgetful), 1.5
        style = "-" if mine[0].durable else "--"
        axes.plot(
            [str(one.connections) for one in mine], [nan if one.failure else value(one) for one in mine],
            style, color=colour, linewidth=width, marker="o", markersize=4, label=name,
        )  # fmt: skip
        # At the foot of the axes, whatever their scale.
        foot = axes.get_xaxis_transform()
        for place, one in enumerate(mine):
            if one.failure:
                axes.text(place, 0.02, "fails", color=colour, ha="center", transform=foot)
    axes.set_xlabel("clients")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)


def save(draw: "Callable[[Figure], None]", inches: tuple[float, float], file: Path) -> None:
    """Draw into a figure of this size, in our style, and write it as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=inches, layout="constrained", facecolor="white")
        draw(figure)
        # Without the date: the same figures give the same file.
        figure.savefig(file, metadata={"Date": None})


def main() -> None:
    from benchmarks.draining import Drained
    from benchmarks.efficiency import Efficiency
    from benchmarks.serving import Served

    def rows(found: list[dict[str, Any]], kind: type[Any]) -> list[Any]:
        return [kind(**one) for one in found]

    for file in sorted(RESULTS.glob("*.json")):
        record = json.loads(file.read_text("utf-8"))
        picture = file.with_suffix(".svg")
        if file.stem == "drain":
            best = rows(record["best"], Drained)
            models = dict.fromkeys(one.model for one in best)
            drain({model: [one for one in best if one.model == model] for model in models}, picture)
        elif file.stem.startswith("serving"):
            serving(rows(record["medians"], Served), picture)
        elif file.stem == "efficiency":
            efficiency(rows(record["models"], Efficiency), picture)


if __name__ == "__main__":
    main()
