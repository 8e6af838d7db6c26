"""A transformer as an ONNX file, its weights in int8.

Knows torch's exporter and ONNX Runtime's quantiser; refuses to know whether the result is any good.
"""

import tempfile
import warnings
from pathlib import Path
from typing import Any

OPSET = 17


def int8(folder: Path, target: Path) -> None:
    """Write the saved transformer in ``folder`` to ``target``: token ids and mask in, logits out.

    Weights are int8, activations are quantised as they come, and what is left stays fp32.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="barometer-") as scratch:
        exported, prepared = Path(scratch) / "exported.onnx", Path(scratch) / "prepared.onnx"
        _export(folder, exported)
        # The symbolic pass is for graphs whose shapes are not plain, and takes longer than all the rest.
        quant_pre_process(exported, prepared, skip_symbolic_shape=True)
        # A scale for each column of weights: on a real encoder a third less error than one a matrix.
        quantize_dynamic(prepared, target, weight_type=QuantType.QInt8, per_channel=True)


def _export(folder: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    # Plain attention: the exporter cannot see through the fused one.
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    ids = torch.ones(2, 8, dtype=torch.int64)
    mask = ids.clone()
    mask[1, 4:] = 0
    axes = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        # torch warns of its older exporter; the quantiser reads the files of no other.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _logits_only(model.eval()),
            (ids, mask),
            target,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "texts"}},
        )


def _logits_only(model: Any) -> Any:
    import torch

    class LogitsOnly(torch.nn.Module):  # type: ignore[misc]  # torch is not always installed
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    return LogitsOnly()
