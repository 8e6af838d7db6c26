"""The OpenAPI description is true: schemathesis sends what it allows and forbids, and judges each answer."""

import subprocess
import sys
from pathlib import Path

from tests.gateway.conftest import Gateway

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.prefix) / "bin" / "schemathesis"


def test_schemathesis_finds_nothing_undocumented(registered: Gateway, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(SCHEMATHESIS), "--config-file", str(CONFIG), "run", f"{registered.url}/openapi.json",
            "--checks=all", "--max-examples=5", "--seed=1", "--no-color", "--generation-database=none",
            "--request-timeout=20",
        ],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
