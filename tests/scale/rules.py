"""The rules of ``systemd/redis/users.acl``, read as the command reads them."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "systemd" / "redis" / "users.acl"
#: A command in a script.
CALL = re.compile(r"redis\.p?call\(\s*'([A-Za-z]+)'")
ANY_CALL = re.compile(r"redis\.p?call\(")


@dataclass(frozen=True)
class Rules:
    """What one user may do: key patterns, and commands named one by one."""

    patterns: tuple[str, ...]
    commands: frozenset[str]

    def covers(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.patterns)


def rules() -> dict[str, Rules]:
    """The rules of each user of the template."""
    lines = [line for line in TEMPLATE.read_text().splitlines() if line and not line.startswith("#")]
    users = re.split(r"(?:^| )user ", " ".join(line.strip() for line in lines))[1:]
    return {words[0]: _rules(words[1:]) for words in map(str.split, users)}


def _rules(words: list[str]) -> Rules:
    patterns = tuple(word[1:] for word in words if word.startswith("~"))
    commands = frozenset(word[1:] for word in words if word.startswith("+") and "@" not in word)
    return Rules(patterns, commands)


def scripts(service: str) -> list[Path]:
    """The Lua that a service runs: its own, and what it prepends of the contract's."""
    own = sorted((REPOSITORY / service).rglob("*.lua"))
    code = "".join(file.read_text() for file in (REPOSITORY / service).rglob("*.py"))
    names = set(re.findall(r"from contract\.scripts import (.*)", code))
    # The end of a prediction tells of it, so it stands behind the outbox.
    shared = {"TERMINAL": ("outbox.lua", "terminal.lua"), "OUTBOX": ("outbox.lua",),
              "ACKNOWLEDGE": ("acknowledge.lua",)}  # fmt: skip
    used = sorted({file for line in names for name in line.split(", ") for file in shared[name]})
    return own + [REPOSITORY / "contract" / file for file in used]


def called(script: Path) -> set[str]:
    """The commands that a script names."""
    text = script.read_text()
    found = CALL.findall(text)
    assert len(found) == len(ANY_CALL.findall(text)), f"{script}: a command that is not spelled out"
    return {command.lower() for command in found}
