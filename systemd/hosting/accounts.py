"""Users of this host and of its Redis, and the secrets that go with them.

What exists is kept: a second install changes no password. The rules of Redis' users are those of
``redis/users.acl``, the same for one host and for many.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from hosting import databases, places
from hosting.commands import run

#: Services with an account at Redis, by the name that it has there.
CLIENTS = ("gateway", "worker", "monitoring", "trainer", "operator")
#: Credentials that may stay empty.
OPTIONAL = {
    "gateway": ("APPLICATIONINSIGHTS_CONNECTION_STRING", "MLFLOW_TRACKING_TOKEN"),
    "worker": ("APPLICATIONINSIGHTS_CONNECTION_STRING",),
    "monitoring": ("APPLICATIONINSIGHTS_CONNECTION_STRING", "MONITORING_NOTIFY"),
}
_PASSWORD = re.compile(r"^unix://[^:]+:(?P<password>[0-9a-f]+)@")


def make(release: Path) -> None:
    """Make users, folders, credentials and the settings of Redis."""
    templates = release / "systemd"
    run("systemd-sysusers", templates / "sysusers.conf")
    run("systemd-tmpfiles", "--create", templates / "tmpfiles.conf")
    passwords = {name: _password(name) for name in CLIENTS}
    for name, variables in OPTIONAL.items():
        for variable in variables:
            _keep(places.CREDENTIALS / name / variable, "")
    for name, variable in databases.VARIABLES.items():
        _keep(places.CREDENTIALS / name / variable, databases.DEFAULTS[name])
    rules = redis_users((templates / "redis/users.acl").read_text(), passwords)
    _write_for_redis("users.acl", rules)
    settings = (templates / "redis/local.conf").read_text()
    _write_for_redis("redis.conf", settings.replace("MAXMEMORY", str(_memory() // 4)))


def redis_users(template: str, passwords: Mapping[str, str]) -> str:
    """Return the rules as Redis reads them, a line each, for ``default`` and those with a password. Pure."""
    lines: list[str] = []
    for line in template.splitlines():
        if line.startswith(" "):
            lines[-1] += " " + line.strip()
        elif line and not line.startswith("#"):
            lines.append(line)
    kept = []
    for line in lines:
        name = line.split()[1]
        if name in passwords:
            digest = hashlib.sha256(passwords[name].encode()).hexdigest()
            kept.append(line.replace("#PASSWORD", f"#{digest}"))
        elif name == "default":
            kept.append(line)
    return "\n".join(kept) + "\n"


def redis_url(name: str) -> str:
    """The URL with which a service reaches Redis, with its password."""
    return (places.CREDENTIALS / name / "REDIS_URL").read_text().strip()


def _password(name: str) -> str:
    """Return the password of an account of our Redis, made if there is none."""
    file = places.CREDENTIALS / name / "REDIS_URL"
    _keep(file, f"unix://{name}:{secrets.token_hex(24)}@{places.REDIS_SOCKET}?db=0")
    found = _PASSWORD.match(file.read_text())
    return found["password"] if found else secrets.token_hex(24)


def _keep(file: Path, content: str) -> None:
    """Write a secret that only root may read, unless it is there."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(content)


def _write_for_redis(name: str, content: str) -> None:
    file = places.REDIS_SETTINGS / name
    beside = file.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as opened:
        opened.write(content)
    run("chown", "root:barometer-redis", beside)
    beside.rename(file)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
