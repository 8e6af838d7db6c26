"""The trainings of a comparison, one after the other, and how long they will take.

What is done is kept in a folder of its own until the comparison has ended: asked for again, it goes on, and
changed options of one family train that family again and no other.
"""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from trainer import checkpoints
from trainer.apart import Apart, apart
from trainer.comparison import estimating, job
from trainer.comparison.contestant import Point
from trainer.comparison.job import Job, Trained
from trainer.comparison.planning import Entry, Training, parts, planned, teachers
from trainer.errors import BadData
from trainer.preparing import Prepared

Step = Callable[[str], None]

_log = logging.getLogger(__name__)


class Trainings:
    """All trainings of a comparison. ``kept`` is for what is done, ``cache`` for teachers' answers."""

    def __init__(self, prepared: Prepared, entry: Entry, kept: Path, cache: Path, step: Step) -> None:
        self._prepared, self._entry, self._step = prepared, entry, step
        self._kept, self._cache = kept, cache
        # Only of the whole, where no curve is wanted: its order costs a hash a row.
        self._parts = parts(prepared.training) if entry.curve else {1.0: tuple(prepared.training)}
        self._took: dict[str, list[estimating.Took]] = {family: [] for family in entry.families}
        self._found: dict[Training, Trained] = {}

    def run(self) -> None:
        """Train all of them.

        Raises:
            TrainerError: as for the families.
        """
        left = planned(self._entry, [share for share in self._parts if share < 1.0])
        for _, batch in groupby(left[:], key=lambda one: one.family):
            with apart() as process:
                for one in batch:
                    self._train(process, one, left)
                    left.remove(one)

    def whole(self, family: str) -> tuple[Trained, ...]:
        """Return what a family came to on all rows, a seed each."""
        return tuple(self._found[Training(family, 1.0, seed)] for seed in range(self._entry.seeds))

    def learning(self, family: str) -> tuple[Point, ...]:
        """Return the learning curve, of the first seed; a share that could not teach is left out."""
        if not self._entry.curve:
            return ()
        return tuple(
            Point(share, len(self._parts[share]), found.macro_f1, found.seconds)
            for share in self._parts
            if (found := self._found.get(Training(family, share, 0)))
        )

    def model(self, family: str) -> Path:
        """Return the folder of a family's model: all rows, the first seed."""
        return self._folder(Training(family, 1.0, 0)) / "model"

    def _train(self, process: Apart, one: Training, left: Sequence[Training]) -> None:
        """Train, or take what was trained before the comparison was cut off."""
        folder, teacher = self._folder(one), self._teacher(one)
        if teacher is not None and teacher not in self._found:
            return  # the rows were too few for the teacher
        done, asked = folder / "done.json", self._job(one, folder)
        # One that nobody was to learn from, when it was done, has left no model.
        if done.exists() and (asked.model is None or asked.model.exists()):
            self._note(one, Trained(**json.loads(done.read_text())))
            return
        asked.checkpoints.mkdir(parents=True, exist_ok=True)
        try:
            found = process.call(job.run, asked, self._shown(one, left))
        except BadData:
            if one.share == 1.0:
                raise
            return  # too few rows for this family
        # Last: whatever was cut off before is trained again.
        done.write_text(json.dumps(asdict(found)))
        shutil.rmtree(asked.checkpoints)
        self._note(one, found)

    def _note(self, one: Training, found: Trained) -> None:
        self._found[one] = found
        if found.seconds is not None:
            self._took[one.family].append(estimating.Took(len(self._parts[one.share]), found.seconds))

    def _job(self, one: Training, folder: Path) -> Job:
        options, teacher = dict(self._entry.options.get(one.family, {})), self._teacher(one)
        if teacher is not None:
            options["teacher"] = str(self._folder(teacher) / "model")
        is_first = one.share == 1.0 and one.seed == 0
        return Job(
            family=one.family, options=options, seed=one.seed, training=self._parts[one.share],
            evaluation=self._prepared.evaluation, checkpoints=folder / "unfinished", cache=self._cache,
            model=folder / "model" if is_first or one.family in teachers(self._entry).values() else None,
        )  # fmt: skip

    def _teacher(self, one: Training) -> Training | None:
        family = teachers(self._entry).get(one.family)
        return None if family is None else Training(family, one.share, one.seed)

    def _folder(self, one: Training) -> Path:
        """Return where a training is kept: named by all that decides it, its teacher's options included."""
        named, teacher = dict(self._entry.options.get(one.family, {})), self._teacher(one)
        decides = [named, None if teacher is None else self._folder(teacher).name]
        return self._kept / f"{one.family}-{checkpoints.key({'options': decides})[:8]}-{one.share}-{one.seed}"

    def _shown(self, one: Training, left: Sequence[Training]) -> Callable[[str, float], None]:
        """Return what shows how far this training is, and what all that are left will take."""
        head = f"{one.family} on {len(self._parts[one.share])} rows, seed {one.seed}"
        tail = f"{len(left)} to go"
        left_s = self._left_s(left)
        if left_s is not None:
            tail += f", {estimating.told(left_s)} in all"
        _log.info("comparison.training", extra={**asdict(one), "left": len(left), "left_s": left_s})
        self._step(f"{head}; {tail}")
        return lambda words, share: self._step(f"{head}: {words}, {share:.0%}; {tail}")

    def _left_s(self, left: Sequence[Training]) -> float | None:
        """Estimate all that are left; None while a family has not been seen at work."""
        whole = 0.0
        for family in {one.family for one in left}:
            rows = [len(self._parts[one.share]) for one in left if one.family == family]
            seconds = estimating.left_s(self._took[family], rows)
            if seconds is None:
                return None
            whole += seconds
        return whole
