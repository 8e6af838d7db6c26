"""One upgrade under load, as a timeline: who asked, what failed, which release ran when.

python -m tests.systemd.upgrade      on a fresh host; writes docs/upgrade.json and docs/upgrade.svg
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.systemd.host import REPOSITORY, Host
from tests.systemd.whole_host import answers, clone, debian, deploy, load, watching


@dataclass(frozen=True)
class Timeline:
    """Seconds count from the first request."""

    #: When each prediction was sent, how many milliseconds it took, what was wrong.
    predictions: list[dict[str, Any]]
    #: When each unit was seen with which release.
    seen: list[dict[str, Any]]
    deployed: tuple[float, float]

    @classmethod
    def of_upgrade(cls, host: Host, checkout: Path, folder: Path) -> "Timeline":
        """Deploy a checkout to a host under load."""
        with watching(host) as seen, load(host, folder / "upgrade"):
            began = _now(host)
            status, said = deploy(host, checkout, folder)
            ended = _now(host)
        assert status == 0, said
        predictions = answers(folder / "upgrade")
        zero = min(row["sent"] for row in predictions)
        for row in predictions:
            row["sent"] = round(row["sent"] - zero, 3)
        for row in seen:
            row["at"] = round(row["at"] - zero, 3)
        return cls(predictions, seen, (round(began - zero, 3), round(ended - zero, 3)))

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [row for row in self.predictions if row["wrong"]]

    @property
    def releases(self) -> list[str]:
        """In the order in which they were seen."""
        return list(dict.fromkeys(row["release"] for row in self.seen if row["release"] != "-"))

    @property
    def together_s(self) -> float:
        """For how long processes of both releases were at work."""
        old, new = self.releases
        last = max(row["at"] for row in self.seen if row["release"] == old)
        first = min(row["at"] for row in self.seen if row["release"] == new)
        return round(last - first, 2)

    def write(self, folder: Path) -> None:
        """Write ``upgrade.json`` and ``upgrade.svg``."""
        took = sorted(row["ms"] for row in self.predictions)
        figures = {
            "predictions": len(took),
            "failures": self.failures,
            "median_ms": took[len(took) // 2],
            "slowest_ms": took[-1],
            "deployed_s": self.deployed,
            "both_releases_s": self.together_s,
            "releases": self.releases,
            "seen": self.seen,
            "answers_ms": [[row["sent"], row["ms"]] for row in self.predictions],
        }
        (folder / "upgrade.json").write_text(json.dumps(figures) + "\n")
        self.draw(folder / "upgrade.svg")

    def draw(self, file: Path) -> None:
        """Draw latencies above, and below them which release each unit ran."""
        import matplotlib as mpl

        mpl.use("svg")
        mpl.rcParams["svg.hashsalt"] = "barometer"
        from matplotlib import pyplot as plt

        figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(9, 4.5), height_ratios=(3, 1))
        sent, took = [r["sent"] for r in self.predictions], [r["ms"] for r in self.predictions]
        above.scatter(sent, took, s=4, alpha=0.4, rasterized=True)
        above.set_yscale("log")
        above.set_ylabel("answered after (ms)")
        above.set_title(f"{len(self.predictions)} predictions, {len(self.failures)} failed")
        units = sorted({row["unit"] for row in self.seen})
        for release, colour in zip(self.releases, ("#888888", "#1f77b4"), strict=True):
            rows = [row for row in self.seen if row["release"] == release]
            places = [units.index(row["unit"]) for row in rows]
            moments = [row["at"] for row in rows]
            below.scatter(moments, places, s=14, marker="s", color=colour, label=release, rasterized=True)
        below.set_yticks(range(len(units)), [unit.removeprefix("barometer-") for unit in units])
        below.set_ylim(-0.6, len(units) - 0.4)
        below.set_xlabel("seconds")
        below.legend(loc="lower left", bbox_to_anchor=(0, -1.05), ncols=2, frameon=False, fontsize="small")
        below.set_xlim(0, max(sent))
        for axes in (above, below):
            axes.axvspan(*self.deployed, color="#1f77b4", alpha=0.06)
        figure.tight_layout()
        figure.savefig(file, metadata={"Date": None}, dpi=150)


def _now(host: Host) -> float:
    return float(host.run("date +%s.%N"))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="barometer-upgrade-") as temporary:
        folder = Path(temporary)
        with debian(23, folder) as host:
            status, said = deploy(host, clone(folder, "first"), folder, "--workers", "2")
            assert status == 0, said
            new = clone(folder, "new", "pyproject.toml", 'version = "0.1.0"', 'version = "0.1.1"')
            timeline = Timeline.of_upgrade(host, new, folder)
    timeline.write(REPOSITORY / "docs")
    print(f"{len(timeline.predictions)} predictions, {len(timeline.failures)} failed: docs/upgrade.json")


if __name__ == "__main__":
    main()
