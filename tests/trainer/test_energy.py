"""Energy where the machine counts it, read from files as the kernel lays them out."""

from pathlib import Path

import pytest

from trainer import energy
from trainer.cost import Cost


@pytest.fixture
def rapl(tmp_path: Path) -> Path:
    """A machine with one processor, its cores as a part of it, and memory beside it."""
    zones = {"": "package-0", ":0": "core", ":1": "dram"}
    for number, name in zones.items():
        folder = tmp_path / f"intel-rapl:0{number}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text("1000000000\n")
        (folder / "energy_uj").write_text("900000000\n")
    return tmp_path


def test_processor_and_memory_add_up_and_a_counter_may_begin_anew(rapl: Path) -> None:
    read = energy.meter(rapl)
    (rapl / "intel-rapl:0" / "energy_uj").write_text("160000000\n")
    (rapl / "intel-rapl:0:0" / "energy_uj").write_text("950000000\n")
    (rapl / "intel-rapl:0:1" / "energy_uj").write_text("1000000000\n")
    measured = read()
    assert measured is not None
    assert measured.source.startswith("RAPL")
    assert measured.wh * 3600 == pytest.approx(260 + 100, abs=50 if "NVML" in measured.source else 1e-6)


def test_where_a_part_cannot_be_read_nothing_passes_for_the_whole(rapl: Path) -> None:
    (rapl / "intel-rapl:0:1" / "energy_uj").unlink()
    assert energy._zones(rapl) == []
    assert energy._zones(rapl / "nowhere") == []


def test_a_cost_says_whether_its_energy_was_measured_or_estimated() -> None:
    spent = Cost(wall_s=10, cpu_s=36, peak_mib=1)
    assert spent.energy == "0.1 Wh, estimated: processor time at 10 W a core"
    assert "training.measured_wh" not in spent.metrics()
    measured = Cost(10, 36, 1, energy.Measured(0.5, "RAPL"))
    assert measured.energy == "0.5 Wh, measured of the whole machine by RAPL"
    assert measured.metrics()["training.measured_wh"] == 0.5
