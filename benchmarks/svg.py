"""A line chart as plain SVG text. Knows nothing of what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 900, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 170, 34, 42
#: Height of the lane in which the marks of one kind lie.
LANE = 12
#: Distinguishable with any kind of colour vision (Okabe and Ito), on white and on black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#B8A800")
_STYLE = (
    "text{font:12px sans-serif;fill:#888}.line{fill:none;stroke-width:1.6}.mark{stroke-width:1.6}"
    ".grid{stroke:#888;stroke-opacity:.25}"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at ``x``; marks of one kind have one colour and one lane above the lines."""

    x: float
    kind: str


Points = Sequence[tuple[float, float]]


def chart(
    title: str, x_name: str, y_name: str, series: Mapping[str, Points], marks: Sequence[Mark] = ()
) -> str:
    """Return the SVG of lines over one x axis, from zero upwards, with a legend of lines and marks."""
    x_all = [x for points in series.values() for x, _ in points] + [mark.x for mark in marks]
    x_end = max(x_all, default=1) or 1
    y_end = max((y for points in series.values() for _, y in points), default=1) or 1
    x_step, y_step = _step(x_end), _step(y_end)

    kinds = sorted({mark.kind for mark in marks})
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM - LANE * len(kinds)

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + x / x_end * wide, HEIGHT - BOTTOM - y / y_end * high

    parts = [f'<text x="{LEFT}" y="20">{escape(title)}</text>']
    for n in range(int(y_end / y_step) + 1):
        x, y = at(0, n * y_step)
        parts.append(f'<line class="grid" x1="{x}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end">{n * y_step:g}</text>')
    for n in range(int(x_end / x_step) + 1):
        x, y = at(n * x_step, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{n * x_step:g}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">{escape(x_name)}; vertical: {escape(y_name)}</text>')

    colours = dict(zip([*series, *kinds], COLOURS * 4, strict=False))
    for mark in marks:
        x, _ = at(mark.x, 0)
        y = TOP + LANE * kinds.index(mark.kind)
        ends = f'x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + LANE - 3}"'
        parts.append(f'<line class="mark" stroke="{colours[mark.kind]}" {ends}/>')
    for name, points in series.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
        parts.append(f'<polyline class="line" stroke="{colours[name]}" points="{path}"/>')
    for row, name in enumerate([*series, *kinds]):
        y = TOP + 8 + 18 * row
        parts.append(
            f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 5}" width="14" height="4" fill="{colours[name]}"/>'
        )
        parts.append(f'<text x="{WIDTH - RIGHT + 34}" y="{y}">{escape(name)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title><style>{_STYLE}</style>", *parts, "</svg>\n"])


def _step(end: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that ``end`` is four to ten steps."""
    step = 10.0**-6
    factors = (2, 2.5, 2)
    turn = 0
    while end / step > 10:
        step *= factors[turn % 3]
        turn += 1
    return step
