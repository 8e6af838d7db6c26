"""The queries, one file each, for tables of a Log Analytics workspace."""

from importlib.resources import files

#: What stands for ``__NAME__`` in a query unless an operator says otherwise; monitoring counts by the same.
DEFAULTS = {"LIMIT": 3, "MINUTES": 5, "PERCENT": 5}


def names() -> list[str]:
    """Return the names of all queries."""
    found = files("monitoring.azure").joinpath("queries").iterdir()
    return sorted(file.name.removesuffix(".kql") for file in found if file.name.endswith(".kql"))


def raw(name: str) -> str:
    """Return a query as it is written, with ``__NAME__`` where a number is missing."""
    return files("monitoring.azure").joinpath(f"queries/{name}.kql").read_text(encoding="utf-8").strip()


def query(name: str) -> str:
    """Return a query that can be asked."""
    text = raw(name)
    for place, number in DEFAULTS.items():
        text = text.replace(f"__{place}__", str(number))
    return text
