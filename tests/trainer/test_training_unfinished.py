"""What is kept of a training that was cut off, how it stands back, and what it cost."""

import os
import subprocess
import sys
import time

import pytest

from trainer import checkpoints, cost
from trainer.errors import BadRequest

FACTS = {"family": "bert", "options": {"epochs": "2"}, "seed": 0}


def test_the_same_training_has_the_same_name_and_no_other_has():
    assert checkpoints.key(FACTS) == checkpoints.key(dict(reversed(FACTS.items())))
    others = [{**FACTS, "seed": 1}, {**FACTS, "options": {}}, {**FACTS, "family": "bilstm"}]
    assert len({checkpoints.key(facts) for facts in (FACTS, *others)}) == 4


def test_what_was_cut_off_is_there_again_and_what_ended_well_is_gone(tmp_path):
    def cut_off():
        with checkpoints.kept(tmp_path, "a") as folder:
            (folder / "state").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    with checkpoints.kept(tmp_path, "a") as folder:
        assert (folder / "state").read_text() == "half"
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_runs_already_is_refused_until_it_ends_however_it_ends(tmp_path):
    code = "import sys, time, pathlib, trainer.checkpoints as c\n"
    code += "with c.kept(pathlib.Path(sys.argv[1]), 'a'): print('in', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout.readline() == "in\n"
        with pytest.raises(BadRequest, match="runs already"), checkpoints.kept(tmp_path, "a"):
            pass
        with checkpoints.kept(tmp_path, "b"):
            pass
        other.kill()
        other.wait(10)
    with checkpoints.kept(tmp_path, "a") as folder:
        assert folder.is_dir()


def test_what_nobody_took_up_goes_after_two_weeks(tmp_path):
    for name, days in (("old", 15), ("young", 13)):
        (tmp_path / name).mkdir()
        then = time.time() - days * 86_400
        os.utime(tmp_path / name, (then, then))
    with checkpoints.kept(tmp_path, "a"):
        assert not (tmp_path / "old").exists()
        assert (tmp_path / "young").exists()


def stood_back(*arguments: int, **environment: str) -> str:
    """What a process sees that has stood back: its niceness and two libraries' threads."""
    code = "import os; from trainer.manners import stand_back; "
    code += f"stand_back({', '.join(map(str, arguments))}); stand_back({', '.join(map(str, arguments))}); "
    code += "print(os.nice(0), os.environ['OMP_NUM_THREADS'], os.environ['TF_NUM_INTRAOP_THREADS'])"
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    kept.pop("TF_NUM_INTRAOP_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_training_waits_behind_others_and_leaves_a_core_free():
    cores = max(1, len(os.sched_getaffinity(0)) - 1)
    assert stood_back(os.nice(0) + 5, 0) == f"{os.nice(0) + 5} {cores} {cores}"
    assert stood_back(0, 3) == f"{os.nice(0)} 3 3"
    assert stood_back(0, 3, OMP_NUM_THREADS="7") == f"{os.nice(0)} 7 3"


def test_the_meter_counts_time_and_processor_time_of_children_too():
    read = cost.meter()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    spent = read()
    assert 0.01 < spent.cpu_s <= spent.wall_s * 1.5
    assert 10 < spent.peak_mib < 100_000
    assert cost.Cost(wall_s=1, cpu_s=3600, peak_mib=1).estimated_wh == cost.WATTS_A_CORE
