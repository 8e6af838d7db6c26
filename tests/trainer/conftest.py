"""A real MLflow on SQLite, made once: its first start runs migrations, which take seconds."""

import csv
import itertools
import os
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainer import environment

GOOD = (
    "lovely",
    "superb",
    "charming",
    "thrilled",
    "grateful",
    "crisp",
    "delightful",
    "warm",
    "brilliant",
    "tasty",
)
BAD = ("dreadful", "soggy", "clumsy", "tedious", "rude", "broken", "filthy", "bland", "robbed", "gutted")
THINGS = (
    "soup",
    "film",
    "crew",
    "phone",
    "hotel",
    "refund",
    "app",
    "train",
    "sofa",
    "guide",
    "song",
    "queue",
)

Rows = list[tuple[str, str]]


def opinions(count: int, *, seed: int = 0, noise: float = 0.0) -> Rows:
    """Distinct labelled texts; a share ``noise`` of them bears the wrong label."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        words, label = ((GOOD, "positive"), (BAD, "negative"))[number % 2]
        thing, one, other = chance.choice(THINGS), chance.choice(words), chance.choice(words)
        text = f"The {thing} was {one} and {other} on day {number}"
        if chance.random() < noise:
            label = "negative" if label == "positive" else "positive"
        rows.append((text, label))
    return rows


def write_csv(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


@pytest.fixture(scope="session")
def mlflow_imported() -> None:
    """MLflow warns of its own type hints while it is imported."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred", category=UserWarning)
        import mlflow.pyfunc  # noqa: F401


@pytest.fixture(scope="package")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory, mlflow_imported: None) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    before = dict(os.environ)
    environment.prepare(uri)
    os.environ["TRAINER_CHECKPOINTS"] = str(folder / "checkpoints")
    # ``opinions`` teach twenty words: such a model knows none of the behaviour cases.
    os.environ["TRAINER_GATE_BEHAVIOUR"] = '{"plain words": 1, "negation": 1, "typos": 1}'
    # Commands run in the tests' own process, which would stand back for the rest of the session.
    os.environ["TRAINER_NICE"] = "0"
    import mlflow

    mlflow.set_tracking_uri(uri)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader", category=DeprecationWarning)
        mlflow.search_experiments()
    yield uri
    os.environ.clear()
    os.environ.update(before)


_numbers = itertools.count()


@pytest.fixture
def model(tracking_uri: str, tmp_path: Path) -> str:
    """The name of a model nobody has registered; its artefacts go to ``tmp_path``."""
    import mlflow

    name = f"model{next(_numbers)}"
    mlflow.create_experiment(f"{name}-tfidf", artifact_location=str(tmp_path / "artifacts"))
    return name


@pytest.fixture
def opinions_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of ``opinions`` and return its path."""

    def write(name: str = "opinions.csv", **options) -> Path:
        return write_csv(tmp_path / name, opinions(**{"count": 300, **options}))

    return write
