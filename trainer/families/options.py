"""A family's options: what users may set, read from names and values. Pure."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.errors import BadRequest


class Options(BaseModel):
    """What can be set in a family; each field has a default and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Some = TypeVar("Some", bound=Options)


def read(kind: type[Some], given: Mapping[str, Any], family: str) -> Some:
    """Return the options as given, and the defaults of the others.

    Raises:
        BadRequest: a name is unknown, or a value makes no sense.
    """
    unknown = sorted(set(given) - set(kind.model_fields))
    if unknown:
        there = ", ".join(f"{name}={field.default}" for name, field in kind.model_fields.items()) or "none"
        raise BadRequest(f"{family} has no option '{unknown[0]}'; its options and defaults are: {there}")
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise BadRequest(f"the options of {family} are wrong: {wrong}") from error


def need(packages: tuple[str, ...], family: str, extra: str) -> None:
    """Make sure that packages are installed.

    Raises:
        BadRequest: one is not.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise BadRequest(f"training {family} needs {', '.join(missing)}: pip install 'barometer[{extra}]'")
