"""What each package may pull into a process, seen in a bare interpreter."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "mlflow", "torch", "tensorflow", "transformers"}


def imported_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after the statement."""
    show = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; {show}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_gateway_loads_no_weights() -> None:
    assert not imported_by("import gateway.app, gateway.__main__") & (HEAVY | {"rq"})


@pytest.mark.parametrize("module", ["gateway", "worker", "trainer", "monitoring", "embedded"])
def test_help_and_settings_come_without_weights(module: str) -> None:
    assert not imported_by(f"import {module}.__main__") & HEAVY


def test_the_contract_needs_the_standard_library_alone() -> None:
    modules = ["alerts", "events", "jobs", "keys", "labels", "predictions", "registry", "scripts", "states"]
    found = imported_by("import " + ", ".join(f"contract.{module}" for module in modules))
    foreign = {name for name in found if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert foreign <= {"contract", "sitecustomize"}
