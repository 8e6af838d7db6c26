"""What a model costs to serve, measured in a process that does nothing else.

In a fresh process, because memory and the time to start mean nothing in one that has trained. The process
loads the model through MLflow from its folder, as it travels; ``serving_probe`` is what runs there.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from trainer.errors import ModelUnusable

#: Texts that are answered over and over: enough to be of all lengths.
SAMPLE = 256
#: A model so slow is not measured to the end.
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one call takes, in seconds."""

    p50_s: float
    p99_s: float
    calls: int


@dataclass(frozen=True, slots=True)
class Serving:
    """Figures of one process with as many threads as the model takes.

    ``load_s`` is from the files to the first answer, without the import of MLflow; ``memory`` the bytes that
    loading and answering added at their peak; ``size`` the bytes on disk; ``throughput`` texts a second in
    batches of 32; ``explain_s`` one explanation, None where the model has none.
    """

    load_s: float
    single: Latency
    batch: Latency
    throughput: float
    memory: int
    size: int
    explain_s: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` wrote."""
        latencies = {name: Latency(**found[name]) for name in ("single", "batch")}
        return cls(**{**found, **latencies})


def measure(folder: Path, texts: Sequence[str], *, seconds: float) -> Serving:
    """Measure the MLflow model in ``folder`` on these texts, at most ``seconds`` for each kind of call.

    Raises:
        ModelUnusable: it does not load or answer in a process of its own.
    """
    with tempfile.TemporaryDirectory(prefix="barometer-") as private:
        asked = Path(private) / "texts.json"
        asked.write_text(json.dumps(list(texts[:SAMPLE])), "utf-8")
        try:
            done = subprocess.run(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", "trainer.serving_probe", str(folder), str(asked), str(seconds)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                timeout=TIMEOUT_S,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
            return Serving.from_dict(json.loads(done.stdout.splitlines()[-1]))
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            raise ModelUnusable(
                f"the model does not serve in a process of its own ({type(error).__name__})"
            ) from error
