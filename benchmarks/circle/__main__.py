"""``python -m benchmarks.circle`` tells the story once and draws ``docs/circle.svg``.

``--poison`` tells the other one: people lie, and the gate refuses what was learnt from them.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine, processes, service
from benchmarks.circle import story
from benchmarks.circle.picture import draw, smoothed
from benchmarks.report import RESULTS

PICTURE = Path(__file__).parents[2] / "docs" / "circle.svg"


def run(
    poison: Annotated[bool, typer.Option(help="Tell of people who lie; draw nothing.")] = False,  # noqa: FBT002
) -> None:
    """Start a service, tell the story, print what happened when."""
    processes.stop_on_sigterm()
    here = machine.here()
    with service.started(**(story.ON_LABELS if poison else story.ON_DRIFT)) as started:
        told = (story.poison if poison else story.circle)(started)
    for one in told.moments:
        print(f"{one.at - told.began_at:7.1f} s  {one.what:9} {one.whom}")
    for result in told.results:
        print(f"{result['gate']}: {'; '.join(result['reasons'])}")
    if not poison:
        keep(told, here)


def keep(told: story.Story, here: machine.Machine) -> None:
    """Write the figures and draw the picture."""
    record = {
        "machine": asdict(here),
        "changed_s": told.changed_at - told.began_at,
        "moments": [[round(one.at - told.began_at, 2), one.what, one.whom] for one in told.moments],
        "results": told.results,
        "answers": len(told.answers),
        "by_second": [[second, round(share, 4)] for second, share in smoothed(told.answers, told.began_at)],
        "accuracy": {
            "before": told.accuracy(told.began_at, told.changed_at),
            "changed": told.accuracy(told.changed_at, story.first(told, "serving", told.changed_at)),
            "after": told.accuracy(story.first(told, "serving", told.changed_at) + 2),
        },
    }
    (RESULTS / "circle.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(told, PICTURE)
    print(record["accuracy"], PICTURE)


if __name__ == "__main__":
    typer.run(run)
