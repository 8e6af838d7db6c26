"""Pictures of an evaluation: what is confused, whether confidence can be trusted, what recall costs."""

import warnings
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainer.evaluation import Evaluation


def draw(evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Write the pictures to ``folder`` and return their paths."""
    pictures = {
        "confusion": confusion(evaluation),
        "reliability": reliability(evaluation),
        "precision_recall": precision_recall(evaluation),
    }
    with warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as a box; the figures are right all the same.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        for name, figure in pictures.items():
            FigureCanvasAgg(figure).print_figure(folder / f"{name}.png", dpi=110)
    return tuple(folder / f"{name}.png" for name in pictures)


def confusion(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix with its counts."""
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(evaluation.confusion, cmap="Blues")
    ticks = range(len(evaluation.labels))
    axes.set(
        xlabel="answered", ylabel="true", title=f"{evaluation.rows} rows, macro-F1 {evaluation.macro_f1:.3f}"
    )
    axes.set_xticks(ticks, evaluation.labels, rotation=30, parse_math=False)
    axes.set_yticks(ticks, evaluation.labels, parse_math=False)
    darkest = max(map(max, evaluation.confusion))
    for i, row in enumerate(evaluation.confusion):
        for j, count in enumerate(row):
            axes.text(
                j, i, str(count), ha="center", va="center", color="white" if count > darkest / 2 else "black"
            )
    return figure


def reliability(evaluation: Evaluation) -> Figure:
    """Draw how often the answers of each confidence are right; on the diagonal, take it at its word."""
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.plot([b.confidence for b in evaluation.bins], [b.accuracy for b in evaluation.bins], marker="o")
    axes.set(
        xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right",
        title=f"expected calibration error {evaluation.ece:.3f}",
    )  # fmt: skip
    return figure


def precision_recall(evaluation: Evaluation) -> Figure:
    """Draw the precision that each recall of each label costs."""
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, points in evaluation.curves.items():
        axes.plot([recall for recall, _ in points], [precision for _, precision in points])
        if points:
            axes.annotate(label[:20], points[len(points) // 2], parse_math=False)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title="thresholds")
    return figure
