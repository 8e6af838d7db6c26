"""The loop that fine-tunes a transformer: the only file that knows transformers' ``Trainer``."""

import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sklearn.metrics import f1_score
from torch.utils.data import Sampler
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from trainer.families import bucketing
from trainer.families.family import Progress

if TYPE_CHECKING:
    from trainer.families.bert import Options

#: A GPU's own arithmetic repeats itself only where cuBLAS is told to; it reads this when it is first used.
_REPEATABLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
#: What a whole checkpoint holds. Written last, after weights, optimiser and random numbers.
_LAST_WRITTEN = "trainer_state.json"

Rows = list[dict[str, Any]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Encoded rows: those that teach, and those that watch."""

    teaching: Rows
    watching: Rows


def sow(seed: int) -> None:
    """Seed everything that draws numbers."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _REPEATABLE.items()})
    set_seed(seed)


def encoded(tokenizer: Any, texts: Sequence[str], labels: Sequence[int]) -> Rows:
    """Return texts as token ids, cut to the tokenizer's limit, with their labels."""
    readable = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    ids = tokenizer(readable, truncation=True, return_token_type_ids=False)["input_ids"] if readable else []
    return [{"input_ids": one, "labels": label} for one, label in zip(ids, labels, strict=True)]


def run(
    model: Any,
    tokenizer: Any,
    lesson: Lesson,
    wanted: "Options",
    *,
    seed: int,
    folder: Path,
    progress: Progress,
) -> list[Mapping[str, float]]:
    """Fine-tune ``model`` in place, to its best look at the watching rows; return the learning curve.

    Checkpoints go to ``folder``; if there is a whole one, the training goes on from it.
    """
    arguments = _arguments(wanted, len(lesson.teaching), seed, folder)
    trainer = _Bucketing(
        model=model,
        args=arguments,
        train_dataset=lesson.teaching,
        eval_dataset=lesson.watching,
        data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=None if arguments.use_cpu else 8),
        compute_metrics=_figures,
        callbacks=[EarlyStoppingCallback(wanted.patience), _Telling(progress)],
    )
    trainer.remove_callback(PrinterCallback)
    kept = latest(folder)
    if kept is not None and arguments.process_index == 0:
        _log.info("learning.taken_up", extra={"checkpoint": Path(kept).name})
    trainer.train(resume_from_checkpoint=kept)
    model.to("cpu").eval()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return curve(trainer.state.log_history)


def latest(folder: Path) -> str | None:
    """Return the last whole checkpoint in a folder: one whose writing a crash cut off is passed over."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{_LAST_WRITTEN}")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def curve(history: Sequence[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """Return one entry a look, with the figures that ``Trainer`` logs in two or three."""
    names = {"loss": "training_loss", "eval_loss": "watching_loss", "eval_macro_f1": "watching_macro_f1"}
    steps: dict[float, dict[str, float]] = {}
    for entry in history:
        found = {ours: float(entry[theirs]) for theirs, ours in names.items() if theirs in entry}
        if found:
            step = steps.setdefault(entry["step"], {"step": entry["step"], "epoch": entry["epoch"]})
            step.update(found)
    return list(steps.values())


def _arguments(wanted: "Options", rows: int, seed: int, folder: Path) -> TrainingArguments:
    on_gpu = torch.cuda.is_available() and wanted.device != "cpu"
    precision = wanted.precision
    if precision == "auto":
        precision = ("bf16" if torch.cuda.is_bf16_supported() else "fp16") if on_gpu else "fp32"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    steps = math.ceil(rows / (wanted.batch * wanted.accumulate * processes))
    look = math.ceil(steps / wanted.checks)
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=wanted.epochs,
        per_device_train_batch_size=wanted.batch,
        per_device_eval_batch_size=2 * wanted.batch,
        gradient_accumulation_steps=wanted.accumulate,
        learning_rate=wanted.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=wanted.warmup,
        weight_decay=wanted.weight_decay,
        max_grad_norm=wanted.clip,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not on_gpu,
        ddp_backend="gloo" if processes > 1 and not on_gpu else None,
        eval_strategy="steps",
        eval_steps=look,
        save_strategy="steps",
        save_steps=look,
        logging_steps=look,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        enable_jit_checkpoint=False,
        seed=seed,
        dataloader_pin_memory=on_gpu,
        report_to="none",
        disable_tqdm=True,
    )


class _Order(Sampler[int]):  # type: ignore[misc]  # torch is not always installed
    """The order of an epoch, and of no other draw: a training that goes on takes it up where it was."""

    def __init__(self, lengths: list[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed, self._epoch = lengths, batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """``Trainer`` tells the epoch, also when it goes on within one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(bucketing.order(self._lengths, self._batch, seed=self._seed, epoch=self._epoch))


class _Bucketing(Trainer):  # type: ignore[misc]
    def _get_train_sampler(self, train_dataset: Any = None) -> _Order:  # noqa: ARG002  # as it is called
        lengths = [len(row["input_ids"]) for row in self.train_dataset]
        together = self.args.per_device_train_batch_size * self.args.world_size
        return _Order(lengths, together, self.args.seed)


class _Telling(TrainerCallback):  # type: ignore[misc]
    def __init__(self, progress: Progress) -> None:
        self._progress, self._words = progress, "learning"

    def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
        self._progress(self._words, state.global_step / state.max_steps)

    def on_evaluate(self, _arguments: Any, state: Any, _control: Any, **told: Any) -> None:
        figures = {"macro_f1": told["metrics"]["eval_macro_f1"], "loss": told["metrics"]["eval_loss"]}
        self._words = f"learning, macro-F1 {figures['macro_f1']:.3f} on the rows that watch"
        if state.is_world_process_zero:
            facts = {"step": state.global_step, "of": state.max_steps, **figures}
            _log.info("learning.watched", extra=facts)


def _figures(prediction: EvalPrediction) -> dict[str, float]:
    answered = prediction.predictions.argmax(axis=-1)
    return {"macro_f1": float(f1_score(prediction.label_ids, answered, average="macro"))}
