"""Makes the forms in which a transformer can serve, and measures how faithful each is.

Knows what ``bert_model`` reads; refuses to know how the weights came about. How fast a form is, the machine
that serves finds out.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from trainer.canary import CANARIES
from trainer.families import onnx_export, temperature
from trainer.families.family import Fitted, Probabilities
from trainer.families.temperature import Calibration

#: A form serves if it gives the reference's label at least this often, and its probabilities to within this
#: on average.
AGREEMENT = 0.995
MEAN_DIFFERENCE = 0.02

_PACKAGES = (
    "mlflow-skinny",
    "numpy",
    "onnxruntime",
    "pydantic",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parity:
    """How near a form comes to the reference on ``rows`` texts; differences are of probabilities."""

    rows: int
    agreement: float
    mean_difference: float
    max_difference: float

    @property
    def is_faithful(self) -> bool:
        """Tell whether the form may serve; one that answers NaN may not."""
        return self.agreement >= AGREEMENT and self.mean_difference <= MEAN_DIFFERENCE

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and the verdict as plain JSON values."""
        return {**asdict(self), "is_faithful": self.is_faithful}


def compare(reference: Probabilities, found: Probabilities) -> Parity:
    """Compare two forms' probabilities of the same texts (rows x labels).

    Raises:
        ValueError: there is no row.
    """
    if not len(reference):
        raise ValueError("nothing to compare")
    difference = np.abs(reference - found)
    same = reference.argmax(axis=1) == found.argmax(axis=1)
    return Parity(len(reference), float(same.mean()), float(difference.mean()), float(difference.max()))


def make(
    model: Any,
    tokenizer: Any,
    *,
    labels: Sequence[str],
    texts: Sequence[str],
    folder: Path,
    truth: Sequence[int] = (),
) -> Fitted:
    """Write a transformers model to ``folder`` in all forms, each compared with fp32 on ``texts``.

    A form that is not faithful stays behind; ``forms.json`` tells by how much it missed. With ``truth``, the
    positions of the texts' true labels, all forms get the temperature that fits them.

    Raises:
        ValueError: there is no text to compare on.
    """
    from transformers.utils import logging as transformers_logging

    from trainer.families import bert_model

    transformers_logging.disable_progress_bar()
    artifacts = {"model": folder / "model", "forms": folder / "forms.json"}
    model.save_pretrained(artifacts["model"])
    tokenizer.save_pretrained(artifacts["model"])
    onnx = folder / f"{bert_model.INT8}.onnx"
    onnx_export.int8(artifacts["model"], onnx)
    _log.info("forms.exported", extra={"megabytes": onnx.stat().st_size >> 20})
    facts = {
        "labels": list(labels),
        "limit": min(tokenizer.model_max_length, model.config.max_position_embeddings),
        "padding": tokenizer.pad_token_id,
        "temperature": 1.0,
    }
    _write(artifacts["forms"], facts, {})
    every = {**artifacts, bert_model.INT8: onnx}
    reference = _Asked(every, bert_model.REFERENCE)
    calibrated = _calibrate(reference, texts, truth) if truth else None
    if calibrated:
        _write(artifacts["forms"], facts | {"temperature": calibrated.temperature}, {})
    parity = _measure(every, reference, texts)
    _write(artifacts["forms"], facts | {"temperature": reference.temperature}, parity)
    if parity[bert_model.INT8].is_faithful:
        artifacts[bert_model.INT8] = onnx
    return Fitted(
        labels=tuple(labels),
        parameters={
            "parameters": model.num_parameters(),
            "limit": facts["limit"],
            "forms": ", ".join(name for name, figures in parity.items() if figures.is_faithful),
            **(calibrated.parameters() if calibrated else {}),
        },
        code=Path(bert_model.__file__),
        artifacts=artifacts,
        # Without the build's mark: "2.13.0+cpu" is on no public index.
        requirements=tuple(f"{package}=={version(package).partition('+')[0]}" for package in _PACKAGES),
        probabilities=reference.probabilities,
    )


class _Asked:
    """The travelling model, made to use one form on the CPU."""

    def __init__(self, artifacts: Mapping[str, Path], form: str) -> None:
        from trainer.families import bert_model

        self._model = bert_model.BertModel()
        paths = {name: str(path) for name, path in artifacts.items()}
        self._model.load(paths, {**bert_model.SETTINGS, "device": "cpu", "form": form})

    @property
    def temperature(self) -> float:
        """What its logits are divided by."""
        return self._model.temperature

    @temperature.setter
    def temperature(self, wanted: float) -> None:
        self._model.temperature = wanted

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return one row a text, one column a label."""
        answers: list[Any] = self._model.predict(None, list(texts))
        rows = [[answer["scores"][label] for label in self._model.labels] for answer in answers]
        return np.array(rows, dtype=np.float64).reshape(len(texts), len(self._model.labels))


def _calibrate(reference: _Asked, texts: Sequence[str], truth: Sequence[int]) -> Calibration:
    """Fit the temperature to the reference's answers, and have it answer with it from now on."""
    found = temperature.fit(reference.probabilities(texts), truth)
    reference.temperature = found.temperature
    _log.info("forms.calibrated", extra=found.parameters())
    return found


def _measure(artifacts: Mapping[str, Path], reference: _Asked, texts: Sequence[str]) -> dict[str, Parity]:
    from trainer.families import bert_model

    # A worker compares the canaries when it has loaded a version, so they count for the greatest difference.
    # For agreement they do not: they are of no feeling, and a label tossed up tells nothing.
    wanted, canaries = reference.probabilities(texts), reference.probabilities(CANARIES)
    parity = {}
    for name in (bert_model.INT8, bert_model.BF16):
        form = _Asked(artifacts, name)
        found = compare(wanted, form.probabilities(texts))
        greatest = max(found.max_difference, compare(canaries, form.probabilities(CANARIES)).max_difference)
        parity[name] = Parity(found.rows, found.agreement, found.mean_difference, greatest)
        _log.info("forms.compared", extra={"form": name, **parity[name].to_dict()})
    return parity


def _write(path: Path, facts: Mapping[str, Any], parity: Mapping[str, Parity]) -> None:
    record = {**facts, "forms": {name: figures.to_dict() for name, figures in parity.items()}}
    path.write_text(json.dumps(record, indent=1), "utf-8")
