"""The pictures of a comparison, as SVG to stand inside the page."""

import io
import warnings
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter

from trainer.comparison.contestant import Contestant

#: Colours that the colour-blind tell apart (Okabe and Ito 2008), in the contestants' order.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLE = {
    "font.family": "sans-serif", "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e6e6e6", "axes.axisbelow": True, "axes.titlelocation": "left",
    "axes.titleweight": "bold", "axes.edgecolor": "#888888",
    # Text stays text: it can be searched, and the page stays small.
    "svg.fonttype": "none", "svg.hashsalt": "barometer",
}  # fmt: skip


def pictures(contestants: Sequence[Contestant]) -> dict[str, str]:
    """Return the SVG of each picture by its name; one without data is left out."""
    drawn = {"worth": _worth, "reliability": _reliability, "curves": _curves, "slices": _slices}
    if any(one.learning for one in contestants):
        drawn["learning"] = _learning
    found = {}
    with rc_context(_STYLE):
        for name, draw in drawn.items():
            figure = Figure(figsize=(5.6, 3.9), layout="constrained")
            draw(figure.subplots(), contestants)
            found[name] = _svg(figure)
    return found


def _worth(axes: Axes, contestants: Sequence[Contestant]) -> None:
    """Draw what a model is worth against what it costs; a ring is another seed."""
    has_seeds = any(len(one.f1s) > 1 for one in contestants)
    for one, colour in _coloured(contestants):
        low, high = one.evaluation.macro_f1_interval
        f1, milliseconds = one.evaluation.macro_f1, one.serving.single.p99_s * 1000
        axes.errorbar(
            milliseconds,
            f1,
            yerr=[[f1 - low], [high - f1]],
            marker="o",
            markersize=8,
            capsize=4,
            color=colour,
        )
        axes.plot(
            [milliseconds] * len(one.f1s[1:]), one.f1s[1:], linestyle="", marker="o", markersize=5,
            markerfacecolor="none", color=colour,
        )  # fmt: skip
        axes.annotate(one.name, (milliseconds, f1), xytext=(9, 5), textcoords="offset points", color=colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(_within_a_decade())
    axes.margins(x=0.35, y=0.2)
    axes.set(
        title="Quality against latency",
        xlabel="99th percentile of one text, ms",
        ylabel="macro-F1, 95 % interval" + ("; rings: other seeds" if has_seeds else ""),
    )


def _learning(axes: Axes, contestants: Sequence[Contestant]) -> None:
    """Draw what more rows are worth."""
    for one, colour in _coloured(contestants):
        if one.learning:
            rows, f1s = [p.rows for p in one.learning], [p.macro_f1 for p in one.learning]
            axes.plot(rows, f1s, marker="o", color=colour, label=one.name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(_within_a_decade())
    axes.set(title="Learning curve", xlabel="rows to train on", ylabel="macro-F1")
    axes.legend(frameon=False)


def _reliability(axes: Axes, contestants: Sequence[Contestant]) -> None:
    """Draw how often the answers of each confidence are right."""
    axes.plot([0, 1], [0, 1], linestyle=":", color="#888888")
    for one, colour in _coloured(contestants):
        bins = one.evaluation.bins
        label = f"{one.name} (ECE {one.evaluation.ece:.3f})"
        axes.plot(
            [b.confidence for b in bins], [b.accuracy for b in bins], marker="o", color=colour, label=label
        )
    axes.set(
        title="Can its confidence be trusted?", xlim=(0, 1.01), ylim=(0, 1.02),
        xlabel="confidence", ylabel="share that is right",
    )  # fmt: skip
    axes.legend(frameon=False)


def _curves(axes: Axes, contestants: Sequence[Contestant]) -> None:
    """Draw precision against recall, of the rarest label: the one that is hardest to find."""
    per_class = contestants[0].evaluation.per_class
    label = min(per_class, key=lambda name: per_class[name].support or 10**9)
    for one, colour in _coloured(contestants):
        points = one.evaluation.curves.get(label, ())
        axes.plot([r for r, _ in points], [p for _, p in points], color=colour, label=one.name)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"Precision and recall of '{label}'", parse_math=False)
    axes.legend(frameon=False, loc="lower left")


def _slices(axes: Axes, contestants: Sequence[Contestant]) -> None:
    """Draw the accuracy on each kind of text."""
    names = list(contestants[0].evaluation.slices)
    height = 0.8 / len(contestants)
    for place, (one, colour) in enumerate(_coloured(contestants)):
        accuracies = [one.evaluation.slices[name].accuracy for name in names]
        axes.barh(
            [row + place * height for row in range(len(names))], accuracies,
            height=height * 0.9, color=colour, label=one.name,
        )  # fmt: skip
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    worst = min(one.evaluation.slices[name].accuracy for one in contestants for name in names)
    # Bars that begin above nothing lie, so the axis does not; what matters is the gap between neighbours.
    axes.set(title="Simple and complex texts", xlabel="accuracy", xlim=(0, 1))
    axes.axvline(worst, color="#888888", linestyle=":", linewidth=1)


def _within_a_decade() -> LogFormatter:
    """Return what labels the ticks between powers of ten where hardly any of these is in sight."""
    return LogFormatter(minor_thresholds=(1, 0.5))


def _coloured(contestants: Sequence[Contestant]) -> list[tuple[Contestant, str]]:
    return [(one, COLOURS[place % len(COLOURS)]) for place, one in enumerate(contestants)]


def _svg(figure: Figure) -> str:
    whole = io.StringIO()
    with warnings.catch_warnings():
        # A label in a script that the font lacks is drawn by the reader's browser, which has it.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        FigureCanvasSVG(figure).print_svg(whole, metadata={"Date": None})
    text = whole.getvalue()
    # Without the XML prolog, which has no place inside HTML.
    return text[text.index("<svg") :]
