"""Whether everything that training needs is there. Looks, changes nothing, and says what to do."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from contract.registry import CHAMPION
from trainer.errors import TrainerError
from trainer.registry import Registry
from trainer.settings import Settings

#: A transformer in all its forms, twice, with its checkpoints.
DISK = 5 * 10**9
#: What each family needs beyond the trainer itself.
FAMILIES = {
    "tfidf": ("scikit-learn",),
    "bilstm": ("tensorflow",),
    "bert": ("torch", "transformers", "onnxruntime"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``is_fatal``: nothing can be trained or registered without it."""

    what: str
    is_well: bool
    says: str
    is_fatal: bool = False


def examine(settings: Settings, model: str) -> list[Finding]:
    """Look at everything; nothing raises."""
    return [
        Finding("python", is_well=True, says=f"{platform.python_version()}, {os.cpu_count()} cores"),
        *_families(),
        _disk(),
        _redis(settings.redis_url),
        *_registry(model),
    ]


def _families() -> Iterator[Finding]:
    for family, packages in FAMILIES.items():
        missing = [package for package in packages if not _has(package)]
        says = (
            "can be trained"
            if not missing
            else f"needs {', '.join(missing)}: pip install 'barometer[{family}]'"
        )
        yield Finding(f"family {family}", not missing, says, is_fatal=bool(missing) and family == "tfidf")


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    remedy = "" if free >= DISK else f": a transformer needs {DISK / 1e9:.0f} GB"
    return Finding("disk", free >= DISK, f"{free / 1e9:.1f} GB free here{remedy}")


def _redis(url: str) -> Finding:
    try:
        with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as connection:
            connection.ping()
    except (RedisError, ValueError):
        # Only queued trainings need it.
        return Finding("Redis", is_well=False, says="does not answer: start it, or set REDIS_URL")
    return Finding("Redis", is_well=True, says="answers")


def _registry(model: str) -> Iterator[Finding]:
    registry = Registry(model)
    try:
        aliases = registry.aliases()
    except TrainerError as error:
        yield Finding("MLflow", is_well=False, says=str(error), is_fatal=True)
        return
    yield Finding("MLflow", is_well=True, says="answers")
    if CHAMPION not in aliases:
        yield Finding(
            "champion", is_well=False, says=f"{model} has none: 'python -m trainer starter' makes one"
        )
        return
    number = aliases[CHAMPION]
    try:
        loaded = registry.load(number)
    except TrainerError as error:
        yield Finding("champion", is_well=False, says=f"{error}: 'python -m trainer rollback' leaves it")
        return
    yield Finding(
        "champion", is_well=True, says=f"version {number} loads, and knows {', '.join(loaded.labels)}"
    )
