"""A bidirectional LSTM that has learnt nothing, of the shape Keras would train, as the file that travels.

As slow as a trained one of its size, and there without TensorFlow.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """``vocabulary`` counts words, ``width`` is of embeddings and of each direction's state."""

    vocabulary: int = 20_000
    width: int = 128
    limit: int = 200


def make(texts: Sequence[str], labels: Sequence[str], size: Size, *, seed: int, folder: Path) -> Any:
    """Write the model to ``folder``, and return it as the trainer keeps a trained one."""
    from trainer.families import bilstm_model
    from trainer.families.family import Fitted

    counts = Counter(word for text in texts for word in re.findall(r"[a-z]+", text.lower()))
    words = [word for word, _ in counts.most_common(size.vocabulary)]
    artifacts = {"graph": folder / "bilstm.onnx", "vocabulary": folder / "vocabulary.json"}
    record = {"labels": list(labels), "limit": size.limit, "words": words, "temperature": 1.0}
    artifacts["vocabulary"].write_text(json.dumps(record), "utf-8")
    _export(_network(len(words) + bilstm_model.FIRST_WORD, size.width, len(labels), seed), artifacts["graph"])
    model = bilstm_model.BilstmModel()
    model.load({name: str(path) for name, path in artifacts.items()})

    def probabilities(asked: Sequence[str]) -> Any:
        import numpy as np

        answers: list[Any] = model.predict(None, list(asked))
        return np.array([[answer["scores"][label] for label in labels] for answer in answers])

    return Fitted(
        labels=tuple(labels),
        parameters={"words": len(words), "width": size.width, "limit": size.limit},
        code=Path(bilstm_model.__file__),
        artifacts=artifacts,
        requirements=tuple(
            f"{package}=={version(package)}"
            for package in ("mlflow-skinny", "numpy", "onnxruntime", "pydantic")
        ),
        probabilities=probabilities,
    )


def _network(numbers: int, width: int, labels: int, seed: int) -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        """Embedding, an LSTM each way over what is not padding, dense, softmax."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(numbers, width, padding_idx=0)
            self.forwards = nn.LSTM(width, width, batch_first=True)
            self.backwards = nn.LSTM(width, width, batch_first=True)
            self.dense = nn.Linear(2 * width, labels)

        def forward(self, ids: Any) -> Any:
            last = (ids != 0).sum(dim=1, keepdim=True) - 1
            # Each row from its last word to its first; the exporter knows no packed sequences.
            places = (last - torch.arange(ids.shape[1])).clamp(min=0)
            states = [
                lstm(self.embedding(read))[0].gather(1, last.unsqueeze(2).expand(-1, -1, width)).squeeze(1)
                for lstm, read in ((self.forwards, ids), (self.backwards, ids.gather(1, places)))
            ]
            return torch.softmax(self.dense(torch.cat(states, dim=1)), dim=1)

    torch.manual_seed(seed)
    return Network().eval()


def _export(network: Any, target: Path) -> None:
    import torch

    ids = torch.tensor([[2, 3, 2, 3], [2, 3, 0, 0], [3, 2, 2, 0]])
    with warnings.catch_warnings():
        # torch warns of its older exporter; the newer one needs another package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (ids,),
            target,
            dynamo=False,
            opset_version=17,
            input_names=["ids"],
            output_names=["probabilities"],
            dynamic_axes={"ids": {0: "texts", 1: "words"}, "probabilities": {0: "texts"}},
        )
