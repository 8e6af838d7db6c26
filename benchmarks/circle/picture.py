"""The story as a picture: accuracy second by second, and below it what the service did about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.circle.crowd import Answer
from benchmarks.circle.story import Story
from benchmarks.circle.watching import Moment
from benchmarks.plot import FAINT, OURS_COLOUR, TEXT, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALARM, WORK = "#b3404a", "#b0803f"
#: Seconds of answers behind each point of the line.
SMOOTHED_S = 4
#: Lanes from the top: name, what begins a bar, what ends it, colour.
LANES = (
    ("alert: drift", ("fired", "drift"), ("resolved", "drift"), ALARM),
    ("alert: estimated quality", ("fired", "estimated_quality"), ("resolved", "estimated_quality"), ALARM),
    ("alert: live quality", ("fired", "live_quality"), ("resolved", "live_quality"), ALARM),
    ("training and gate", ("started", ""), ("judged", ""), WORK),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """From when to when something was so, in seconds of the story, and what came of it."""

    begin: float
    end: float
    word: str = ""
    whom: str = ""


def draw(story: Story, file: Path) -> None:
    """Write the picture as SVG."""

    def fill(figure: "Figure") -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _accuracy(above, story)
        _lanes(below, story)
        below.set_xlabel("seconds")
        title = "Words change: the service notices, learns, proves it and recovers by itself"
        figure.suptitle(title, x=0.01, ha="left", weight="bold")

    save(fill, (11, 6), file)


def _accuracy(axes: "Axes", story: Story) -> None:
    points = list(smoothed(story.answers, story.began_at))
    axes.plot([at for at, _ in points], [share for _, share in points], color=OURS_COLOUR, linewidth=1.8)
    changed = story.changed_at - story.began_at
    axes.axvline(changed, color=TEXT, linewidth=0.8, linestyle=":")
    axes.text(changed, 0.03, " the words change", fontsize=9)
    served = {one.whom: one.at for one in reversed(story.moments) if one.what == "serving"}
    for version, at in served.items():
        if at > story.began_at:
            axes.axvline(at - story.began_at, color=OURS_COLOUR, linewidth=0.8, linestyle=":")
            axes.text(at - story.began_at, 0.03, f" version {version} serves", fontsize=9, color=OURS_COLOUR)
    axes.set(ylabel="right answers", ylim=(0, 1), xlim=(0, None))
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)


def _lanes(axes: "Axes", story: Story) -> None:
    for place, (_, begin, end, colour) in enumerate(LANES):
        for bar in bars(story, begin, end):
            axes.barh(place, bar.end - bar.begin, left=bar.begin, height=0.55, color=colour)
            if bar.word and end[0] == "judged":
                axes.text(bar.end, place, f" version {bar.whom} {bar.word}", va="center", fontsize=9)
    axes.set_yticks(range(len(LANES)), [name for name, *_ in LANES])
    axes.tick_params(axis="y", length=0)
    axes.spines[["left"]].set_visible(False)
    axes.invert_yaxis()


def smoothed(answers: Sequence[Answer], began: float) -> Iterator[tuple[float, float]]:
    """Yield for each second the share of right answers of the last few."""
    last = max(one.at for one in answers) - began
    for second in range(SMOOTHED_S, int(last) + 1):
        asked = [one.is_right for one in answers if second - SMOOTHED_S <= one.at - began < second]
        if asked:
            yield second, sum(asked) / len(asked)


def bars(story: Story, begin: tuple[str, str], end: tuple[str, str]) -> Iterator[Bar]:
    """Yield what began and ended, in order; what has not ended goes on to the last answer."""
    since: float | None = None
    for one in story.moments:
        at = one.at - story.began_at
        if since is None and _is(one, begin):
            since = at
        elif since is not None and _is(one, end):
            yield Bar(since, at, one.what, one.whom)
            since = None
    if since is not None:
        yield Bar(since, story.answers[-1].at - story.began_at)


def _is(moment: Moment, kind: tuple[str, str]) -> bool:
    what, whom = kind
    whats = ("passed", "refused", "failed") if what == "judged" else (what,)
    return moment.what in whats and whom in ("", moment.whom)
