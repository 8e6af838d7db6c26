"""What travels through a worker: jobs as claimed, texts as the model reads them, outcomes as committed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.labels import Answer
from worker.model import Encoded


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed prediction. Only the holder of the newest ``fence`` may end it.

    ``input`` is what the client sent, ``waited_s`` how long it lay in its queue, ``trace`` the W3C
    ``traceparent`` of the request that made it, or empty.
    """

    queue: str
    id: str
    fence: int
    input: Mapping[str, Any]
    waited_s: float = 0.0
    trace: str = ""

    @classmethod
    def from_claim(cls, row: Sequence[Any]) -> "Job":
        """Read one row of claim.lua."""
        queue, id, fence, input, waited_s, trace = row
        return cls(queue, id, int(fence), json.loads(input), float(waited_s), trace)

    @property
    def lease(self) -> str:
        """The name of this attempt in the registries."""
        return f"{self.id}:{self.fence}"

    @property
    def text(self) -> str:
        """What is asked about."""
        return str(self.input["text"])

    @property
    def may_truncate(self) -> bool:
        """Whether the model may read the beginning only, when the text is longer than it can read."""
        return bool(self.input.get("truncate", True))

    @property
    def top_k(self) -> int | None:
        """How many labels the answer lists; None for all."""
        return self.input.get("top_k")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim brought.

    ``left`` still wait, ``aside`` wait for an explanation; with ``has_suspect`` a job whose worker died on it
    is next, or is the one that was claimed.
    """

    jobs: Sequence[Job] = ()
    left: int = 0
    aside: int = 0
    has_suspect: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claimed job, encoded for one version of the model."""

    job: Job
    encoded: Encoded
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ended: an answer, or an error that a client can be told."""

    job: Job
    answer: Answer | None
    error: str = ""
    error_code: str = ""
    is_truncated: bool = False
    explanation: Sequence[Mapping[str, Any]] | None = None

    def output(self) -> str:
        """Return what the prediction's record holds as ``output``: JSON, as clients see it."""
        assert self.answer is not None, "a failure has no output"
        shown = self.answer.output(self.job.top_k)
        if self.explanation is not None:
            shown["explanation"] = list(self.explanation)
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Batch:
    """Outcomes of texts that ran together, with what they have in common.

    ``tokens`` counts what the model read, ``padded`` what it had to compute.
    """

    outcomes: Sequence[Outcome]
    version: str
    inference_s: float
    tokens: int = 0
    padded: int = 0
