"""Where a transformer's training starts: weights and tokenizer, from a folder or from the Hugging Face hub.

Knows the hub's ways of failing; refuses pickled weights.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.errors import BadRequest

#: What a transformer is made of; hubs also hold it for other frameworks, or pickled.
_FILES = ("*.json", "*.safetensors", "*.txt")

_log = logging.getLogger(__name__)


def pretrained(source: str | Path, labels: Sequence[str]) -> tuple[Any, Any]:
    """Return a transformers model with one output a label, and its tokenizer.

    ``source`` is a folder, or a name on the hub such as ``bert-base-uncased``. Outputs that the weights do
    not bring are drawn at random: seed torch before.

    Raises:
        BadRequest: there is neither, or it holds no safetensors or no tokenizer we can carry.
    """
    # Before the imports below, which take seconds: a wrong name is told at once.
    folder = Path(source) if Path(source).is_dir() else _fetched(str(source))
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # It would warn that a model to be trained has outputs that were not.
    transformers_logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            dtype=torch.float32,
            use_safetensors=True,
            id2label=dict(enumerate(labels)),
            label2id={label: number for number, label in enumerate(labels)},
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError) as error:
        _log.debug("pretrained.unreadable", exc_info=True)
        raise BadRequest(
            f"'{source}' holds no transformer that can be read: "
            "it needs config.json, model.safetensors and tokenizer.json"
        ) from error
    if not tokenizer.is_fast:
        raise BadRequest(f"the tokenizer of '{source}' has no tokenizer.json, which the model travels with")
    return model.eval(), tokenizer


def _fetched(name: str) -> Path:
    """Return the folder of a model on the hub; one that was fetched before needs no network."""
    import huggingface_hub

    try:
        # All files at once: asked one by one, as transformers does, an absent hub takes a minute to report.
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        _log.debug("pretrained.not_fetched", exc_info=True)
        raise BadRequest(
            f"'{name}' is no folder here and could not be fetched from the Hugging Face hub: "
            "check name and network, or give a folder with config.json, model.safetensors and tokenizer.json"
        ) from error
