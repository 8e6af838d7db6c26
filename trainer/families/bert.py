"""Fine-tunes a transformer: any Hugging Face encoder, by name or folder, with a head for the labels at hand.

The loop is transformers' ``Trainer``: warm-up and linear decay, mixed precision, accumulation, clipping,
several processes. Ours is the order of the batches, which depends on the seed and the epoch alone, so that a
training that is cut off goes on as if it had not been.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from trainer.families import holdout, options
from trainer.families.family import AS_USUAL, Fitted, Plan


class Options(options.Options):
    """What can be set."""

    base: str = Field("bert-base-uncased", description="Folder, or name on the Hugging Face hub.")
    epochs: int = Field(3, ge=1, description="Times each text is read, at most.")
    batch: int = Field(32, ge=1, description="Texts a step and device.")
    accumulate: int = Field(1, ge=1, description="Steps whose gradients are added before the weights move.")
    learning_rate: float = Field(
        3e-5, gt=0, description="At its highest. Small models need more, such as 1e-4."
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="Of all but biases and norms.")
    clip: float = Field(1.0, gt=0, description="Greatest norm of a gradient.")
    max_tokens: int = Field(256, ge=4, description="Longer texts are cut, here and when served.")
    watch: float = Field(0.05, gt=0, lt=0.5, description="Share of the rows held back to watch the learning.")
    checks: int = Field(2, ge=1, description="Looks at them, and checkpoints, an epoch.")
    patience: int = Field(3, ge=1, description="Looks without a better macro-F1 before it stops.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 or fp16 on a GPU, fp32 on a CPU."
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto: the GPU if there is one.")


def train(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
) -> Fitted:
    """Fine-tune, and write the model in its serving forms to ``folder``.

    Raises:
        BadRequest: an option or the base model is wrong, or torch is missing.
    """
    wanted, names = _wanted(plan), sorted(set(labels))
    model, tokenizer, curve = _learn(wanted, texts, labels, names, seed=seed, folder=folder, plan=plan)
    from trainer.families import bert_model, forms

    aside = holdout.sides(texts, labels, wanted.watch).watching
    plan.progress("comparing the forms it can serve in", 1.0)
    made = forms.make(
        model,
        tokenizer,
        labels=names,
        texts=[texts[place] for place in aside],
        truth=[names.index(labels[place]) for place in aside],
        folder=folder,
    )
    return replace(
        made,
        parameters={**wanted.model_dump(), **made.parameters},
        model_config=bert_model.SETTINGS,
        curve=tuple(curve),
    )


def assist(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
) -> None:
    """Take one process's part in a training by several; the first of them writes the model.

    Raises:
        BadRequest: as for ``train``.
    """
    _learn(_wanted(plan), texts, labels, sorted(set(labels)), seed=seed, folder=folder, plan=plan)


def _wanted(plan: Plan) -> Options:
    wanted = options.read(Options, plan.options, "bert")
    options.need(("torch", "transformers", "accelerate", "onnx", "onnxruntime"), "bert", "bert")
    return wanted


def _learn(
    wanted: Options,
    texts: Sequence[str],
    labels: Sequence[str],
    names: Sequence[str],
    *,
    seed: int,
    folder: Path,
    plan: Plan,
) -> tuple[Any, Any, list[Mapping[str, float]]]:
    """Return the model at its best, its tokenizer, and the learning curve."""
    from trainer.families import fine_tuning
    from trainer.families.pretrained import pretrained

    plan.progress("reading the base model", 0.0)
    fine_tuning.sow(seed)
    model, tokenizer = pretrained(wanted.base, names)
    tokenizer.model_max_length = min(
        wanted.max_tokens, tokenizer.model_max_length, model.config.max_position_embeddings
    )
    parts = holdout.sides(texts, labels, wanted.watch)
    teaching, watching = (
        fine_tuning.encoded(
            tokenizer, [texts[place] for place in part], [names.index(labels[place]) for place in part]
        )
        for part in (parts.teaching, parts.watching)
    )
    curve = fine_tuning.run(
        model, tokenizer, fine_tuning.Lesson(teaching, watching), wanted,
        seed=seed, folder=plan.checkpoints or folder / "checkpoints", progress=plan.progress,
    )  # fmt: skip
    return model, tokenizer, curve
