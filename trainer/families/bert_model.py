"""A transformer as it travels: MLflow loads this file, beside the weights, the tokenizer and ``forms.json``.

It imports nothing of ours, and reads JSON, safetensors and ONNX only, never pickle.

One model has several *forms*: its weights as trained (fp32), in bf16, in int8 for ONNX Runtime. How faithful
each is was measured when the model was registered and stands in ``forms.json``; how fast each is depends on
the processor, so those that may be the fastest are measured here, when the model is loaded. The fastest
faithful one serves, or two: one for small batches and one for large. A form whose packages are not installed
is left out, so a host that serves int8 does without torch.
"""

import ctypes
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel
from pydantic import BaseModel

#: What ``mlflow.pyfunc.load_model(..., model_config=...)`` may set. ``device``: auto, cpu, cuda or cuda:N;
#: ``threads``: 0 leaves it to the libraries; ``form``: auto, or a form's name, which is then used as asked.
SETTINGS: Mapping[str, Any] = {"device": "auto", "threads": 0, "form": "auto"}

REFERENCE, BF16, INT8 = "torch-fp32", "torch-bf16", "onnx-int8"

#: A short text, alone and in a batch that fills the processor: where a form's speed is measured.
LENGTH, CROWD = 32, 32
#: Measuring all forms may take this long; a worker that starts has clients waiting.
BUDGET_S = 2.5
#: Texts that ``predict`` runs together; a worker brings its own batches to ``classify``.
TOGETHER = 32

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: MLflow gives this module a new name at each load; its records keep theirs.
_log = logging.getLogger("model.bert")


class Answer(BaseModel):
    """The shape of one answer; MLflow writes the registry's signature from it."""

    label: str
    score: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as the model reads it, cut to the model's limit if ``is_truncated``."""

    ids: list[int]
    is_truncated: bool

    @property
    def tokens(self) -> int:
        """How many there are after truncation, the special ones included."""
        return len(self.ids)


class Form(Protocol):
    """A way to compute. ``ids`` and ``mask`` are texts x tokens; the mask is 0 on padding."""

    def logits(self, ids: Ints, mask: Ints) -> Floats:
        """Return texts x labels."""
        ...


class OnnxForm:
    """ONNX Runtime on the CPU."""

    def __init__(self, path: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Its threads spin while they wait for each other within a batch (a third faster at batch 1), and must
        # not between batches, where the time belongs to whoever brings the next one.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def logits(self, ids: Ints, mask: Ints) -> Floats:
        """Return texts x labels."""
        (found,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return np.asarray(found, dtype=np.float64)


class TorchForm:
    """The weights themselves, in a type of choice, on the CPU or on a GPU."""

    def __init__(self, folder: str, dtype: str, device: str, threads: int) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        if threads:
            torch.set_num_threads(threads)
        self._torch, self._device = torch, device
        self._model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="sdpa", local_files_only=True
        )
        self._model.to(device).eval().requires_grad_(False)  # noqa: FBT003

    def logits(self, ids: Ints, mask: Ints) -> Floats:
        """Return texts x labels."""
        with self._torch.inference_mode():
            found = self._model(input_ids=self._there(ids), attention_mask=self._there(mask)).logits
        return np.asarray(found.float().cpu(), dtype=np.float64)

    def attributions(self, ids: Ints) -> Floats:
        """Return what each token of one text adds: gradient x input on the embeddings.

        The gradient is that of the best label's logit less the mean of the others' (Shrikumar et al. 2016,
        "Not Just a Black Box").
        """
        embedded = self._model.get_input_embeddings()(self._there(ids)).detach().requires_grad_()
        (logits,) = self._model(inputs_embeds=embedded, attention_mask=self._there(np.ones_like(ids))).logits
        best = logits.max()
        margin = best - (logits.sum() - best) / (len(logits) - 1)
        (gradient,) = self._torch.autograd.grad(margin, embedded)
        return np.asarray((gradient * embedded)[0].sum(-1).detach().float().cpu(), dtype=np.float64)

    def _there(self, array: Ints) -> Any:
        return self._torch.from_numpy(array).to(self._device)


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds for one text of ``LENGTH`` tokens, and for ``CROWD`` of them together."""

    alone_s: float
    crowd_s: float

    def seconds(self, tokens: int) -> float:
        """Estimate a batch of so many tokens, padding included: a line through the two that were measured."""
        slope = (self.crowd_s - self.alone_s) / (LENGTH * (CROWD - 1))
        return self.alone_s + slope * (tokens - LENGTH)


def fastest(speeds: Mapping[str, Speed], tokens: int) -> str:
    """Return the form that will take the least time for a batch of so many tokens."""
    return min(speeds, key=lambda name: speeds[name].seconds(tokens))


def winners(speeds: Mapping[str, Speed]) -> set[str]:
    """Return the fastest form for one text and the fastest for a crowd, often one and the same."""
    return {fastest(speeds, LENGTH), fastest(speeds, LENGTH * CROWD)}


def measure(forms: Mapping[str, Form], budget_s: float) -> dict[str, Speed]:
    """Time forms within about so many seconds.

    Where they are too slow to be tried with a crowd, each text is taken to need as long as alone.
    """
    deadline = time.perf_counter() + budget_s
    alone = _least_times(forms, 1, time.perf_counter() + budget_s / 4)
    # Two turns of crowds, each of which takes about half as long as its texts one by one.
    if time.perf_counter() + CROWD * sum(alone.values()) > deadline:
        return {name: Speed(seconds, CROWD * seconds) for name, seconds in alone.items()}
    crowd = _least_times(forms, CROWD, deadline)
    return {name: Speed(alone[name], crowd[name]) for name in forms}


def _least_times(forms: Mapping[str, Form], texts: int, deadline: float) -> dict[str, float]:
    """Return the least time of each form in two to five turns, until the deadline.

    In turns, and the least, because others work on the same processors: the version that still serves, to
    begin with. What they add changes from moment to moment and is never negative.
    """
    ids = np.ones((texts, LENGTH), dtype=np.int64)
    least = dict.fromkeys(forms, float("inf"))
    for turn in range(1, 6):
        for name, form in forms.items():
            begun = time.perf_counter()
            form.logits(ids, ids)
            least[name] = min(least[name], time.perf_counter() - begun)
        if turn > 1 and time.perf_counter() + sum(least.values()) > deadline:
            break
    return least


class Forms:
    """The forms in use, and which takes a batch."""

    def __init__(self, candidates: Mapping[str, Callable[[], Form]]) -> None:
        """Open the candidates, keep the fastest for one text and the fastest for many."""
        self.kept = {name: load() for name, load in candidates.items()}
        self.speeds = measure(self.kept, BUDGET_S) if len(self.kept) > 1 else {}
        if self.speeds:
            self.kept = {name: self.kept[name] for name in winners(self.speeds)}

    def for_batch(self, tokens: int) -> Form:
        """Return the form for a batch of so many tokens, padding included."""
        if len(self.kept) == 1:
            return next(iter(self.kept.values()))
        return self.kept[fastest({name: self.speeds[name] for name in self.kept}, tokens)]


def candidates(faithful: Mapping[str, bool], runnable: Sequence[str], wanted: str) -> list[str]:
    """Return the forms to choose from by speed: faithful ones, else the reference.

    The reference is two to five times slower than any other that runs, so it is not even tried.

    Raises:
        ValueError: the form that is wanted, or any at all, does not run here.
    """
    if wanted != "auto":
        if wanted not in runnable:
            raise ValueError(f"form '{wanted}' does not run here; these do: {', '.join(runnable) or 'none'}")
        return [wanted]
    chosen = [name for name in runnable if faithful.get(name)]
    if not chosen and REFERENCE not in runnable:
        raise ValueError("no faithful form of this model runs here: install torch and transformers")
    return chosen or [REFERENCE]


def device(wanted: str) -> str:
    """Return the device to compute on: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        ValueError: there is no such device.
    """
    if wanted == "cpu" or (wanted == "auto" and not _gpus()):
        return "cpu"
    if wanted == "auto":
        return "cuda"
    kind, _, number = wanted.partition(":")
    if kind != "cuda" or not (number or "0").isdigit():
        raise ValueError(f"there is no device '{wanted}': use auto, cpu, cuda or cuda:N")
    if int(number or 0) >= _gpus():
        raise ValueError(f"device '{wanted}' is not here (CUDA devices found: {_gpus()}): use auto or cpu")
    return wanted


def _gpus() -> int:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        # No driver, no GPU: it spares the import of torch, which takes seconds.
        return 0
    if not _installed("torch"):
        return 0
    import torch

    return int(torch.cuda.device_count())


def _installed(*packages: str) -> bool:
    return all(find_spec(package) for package in packages)


def bf16_may_win(processor: str, *, int8_serves: bool) -> bool:
    """Tell from the words of /proc/cpuinfo whether bf16 is worth importing torch for: seconds and 600 MB.

    Measured: with AMX, int8 wins small batches and bf16 large ones, so they compete; with AVX-512 alone, int8
    answers 1.6 to 2.5 times as many texts at every batch. Elsewhere bf16 is emulated, and slower than fp32.
    """
    return "amx_bf16" in processor or ("bf16" in processor and not int8_serves)


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return ""


def few_shapes(texts: int, longest: int, limit: int) -> tuple[int, int]:
    """Return the shape a GPU's batch is padded to: powers of two by multiples of eight.

    A GPU chooses kernels by shape and tensor cores work in eights; few shapes are soon all warm.
    """
    return 1 << (texts - 1).bit_length(), min(limit, -(-longest // 8) * 8)


def probabilities(logits: Floats) -> Floats:
    """Return the softmax of each row."""
    powers: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


class BertModel(PythonModel):  # type: ignore[misc]  # MLflow carries no types
    """Tokenizer, forms, and how they make answers."""

    #: A batch costs its longest text times their number.
    is_padded = True

    def load_context(self, context: Any) -> None:
        """Read the artefacts; ``context.artifacts`` maps their names to paths."""
        self.load(context.artifacts, {**SETTINGS, **(context.model_config or {})})

    def load(self, artifacts: Mapping[str, str], settings: Mapping[str, Any] = SETTINGS) -> None:
        """Read tokenizer and ``forms.json``, and choose among the forms.

        Raises:
            ValueError: there is no such device or form here.
        """
        # Read by the tokenizer at its first batch; an operator's own setting wins.
        if settings["threads"]:
            os.environ.setdefault("RAYON_NUM_THREADS", str(settings["threads"]))
        from tokenizers import Tokenizer

        record = json.loads(Path(artifacts["forms"]).read_text("utf-8"))
        self.labels: list[str] = record["labels"]
        self.limit: int = record["limit"]
        self._padding: int = record["padding"]
        #: What logits are divided by, in every form, so that it is as sure as it is right.
        self.temperature: float = record["temperature"]
        self._folder = artifacts["model"]
        self._tokenizer = Tokenizer.from_file(str(Path(self._folder) / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.limit)
        self.device = device(settings["device"])
        self._forms = Forms(self._candidates(artifacts, record["forms"], settings))
        #: How far a probability may be from the reference's. Another processor rounds otherwise, hence twice.
        self.tolerance: float = 1e-4 + 2 * max(
            record["forms"].get(name, {}).get("max_difference", 0.0) for name in self._forms.kept
        )
        _log.info("model.form", extra={
            "device": self.device,
            "forms": list(self._forms.kept),
            "seconds": {name: asdict(speed) for name, speed in self._forms.speeds.items()},
            "parity": record["forms"],
        })  # fmt: skip

    def predict(
        self,
        context: Any,  # noqa: ARG002  # MLflow's signature
        model_input: list[str],
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[Answer]:
        """Answer each text: its label, the label's probability, and all probabilities, highest first."""
        encoded = self.encode(model_input)
        # Similar lengths together: the least padding.
        order = sorted(range(len(encoded)), key=lambda index: encoded[index].tokens)
        answers: dict[int, dict[str, Any]] = {}
        for start in range(0, len(order), TOGETHER):
            chosen = order[start : start + TOGETHER]
            answers |= zip(chosen, self.classify([encoded[index] for index in chosen]), strict=True)
        # Plain dicts of that shape: building objects would cost more than it tells.
        return cast("list[Answer]", [answers[index] for index in range(len(encoded))])

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Cut texts into tokens, at most ``limit`` each."""
        readable = [_readable(text) for text in texts]
        return [
            Encoded(one.ids, bool(one.overflowing)) for one in self._tokenizer.encode_batch_fast(readable)
        ]

    def classify(self, encoded: Sequence[Encoded]) -> list[dict[str, Any]]:
        """Answer texts together, as one batch."""
        return list(self._answers(encoded)) if encoded else []

    def explain(self, text: str) -> list[dict[str, Any]]:
        """Return the words that were read, in order: ``token``, ``start``, ``end`` (characters), ``weight``.

        Weights are towards the predicted label. Needs torch, and takes longer than many predictions.
        """
        encoding = self._tokenizer.encode(_readable(text))
        weights = self._differentiable.attributions(np.array([encoding.ids], dtype=np.int64))
        words: dict[int, dict[str, Any]] = {}
        pieces = zip(encoding.word_ids, encoding.offsets, weights.tolist(), strict=True)
        for number, (start, end), weight in pieces:
            if number is None:  # a special token
                continue
            word = words.setdefault(number, {"token": "", "start": start, "end": end, "weight": 0.0})
            word["end"] = end
            word["token"] = text[word["start"] : end]
            word["weight"] += weight
        return list(words.values())

    @cached_property
    def _differentiable(self) -> TorchForm:
        """The weights as trained: gradients of rounded ones are noise. Loaded when first asked for."""
        if not _installed("torch", "transformers"):
            raise RuntimeError(
                "explaining needs torch and transformers: install them on the worker's machine"
            )
        return TorchForm(self._folder, "float32", self.device, 0)

    def _answers(self, encoded: Sequence[Encoded]) -> Iterator[dict[str, Any]]:
        ids, mask = self._padded(encoded)
        logits = self._forms.for_batch(ids.size).logits(ids, mask)
        for row in probabilities(logits / self.temperature)[: len(encoded)].tolist():
            ranked = sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1])
            yield {"label": ranked[0][0], "score": ranked[0][1], "scores": dict(ranked)}

    def _padded(self, encoded: Sequence[Encoded]) -> tuple[Ints, Ints]:
        shape = len(encoded), max(one.tokens for one in encoded)
        if self.device != "cpu":
            shape = few_shapes(*shape, self.limit)
        ids = np.full(shape, self._padding, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, one in enumerate(encoded):
            ids[row, : one.tokens] = one.ids
            mask[row, : one.tokens] = 1
        # A row that attends to nothing divides by nothing.
        mask[len(encoded) :, 0] = 1
        return ids, mask

    def _candidates(
        self, artifacts: Mapping[str, str], parity: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> dict[str, Callable[[], Form]]:
        """Return how to open each form that may serve here."""
        threads: int = settings["threads"]
        known: dict[str, Callable[[], Form]] = {}
        if self.device == "cpu" and INT8 in artifacts and _installed("onnxruntime"):
            known[INT8] = partial(OnnxForm, artifacts[INT8], threads)
        faithful = {name: bool(figures["is_faithful"]) for name, figures in parity.items()}
        if _installed("torch", "transformers"):
            may_win = bf16_may_win(_processor(), int8_serves=INT8 in known and faithful.get(INT8, False))
            if self.device != "cpu" or may_win or settings["form"] == BF16:
                known[BF16] = partial(TorchForm, self._folder, "bfloat16", self.device, threads)
            known[REFERENCE] = partial(TorchForm, self._folder, "float32", self.device, threads)
        return {name: known[name] for name in candidates(faithful, list(known), settings["form"])}


def _readable(text: str) -> str:
    """Return the text with lone surrogates, which no tokenizer takes, replaced one for one."""
    return text.encode("utf-8", "replace").decode("utf-8")


set_model(BertModel())
