"""What the name of a worker's unit says: ``sentiment-2``, ``sentiment-cuda0``. Pure."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?P<model>.+)-(?:(?P<device>cpu|cuda)(?P<index>\d*)|\d+)")


@dataclass(frozen=True, slots=True)
class Instance:
    """A registered model, and the device to hold it on."""

    model: str
    device: str = "auto"


def parse(name: str) -> Instance:
    """Read an instance's name: the model, a hyphen, and a number or a device with a number.

    ``sentiment-2`` is the second worker of that model, on whatever device there is; ``sentiment-cuda0`` is
    the one on the first GPU, ``sentiment-cpu1`` one that leaves the GPUs to others.

    Raises:
        ValueError: it is no such name.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError("use MODEL-NUMBER, MODEL-cpuNUMBER or MODEL-cudaNUMBER, for example sentiment-2")
    if found["device"] == "cuda":
        return Instance(found["model"], f"cuda:{found['index'] or 0}")
    return Instance(found["model"], found["device"] or "auto")
