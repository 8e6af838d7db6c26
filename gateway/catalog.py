"""What the MLflow registry says of a model: read over its REST API, remembered for a while.

A registry that is away costs nothing but freshness: what was read last is still told, with its age. Never
imports MLflow, and asks it nothing before somebody asks us.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import httpcore2

from contract.registry import DATA_TAG, GATE_REASONS_TAG, GATE_TAG, LABELS_TAG, METRICS_TAG
from gateway.errors import RegistryUnavailable
from gateway.settings import Settings

log = logging.getLogger(__name__)

#: How long an answer of the registry is taken for true, and how long it is left alone after a failure.
FRESH = timedelta(seconds=10)
#: MLflow answers in milliseconds; nobody waits long for one that does not.
TIMEOUT_S = 2.0
#: Versions in one call.
PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version; what was not written on it is empty.

    ``created_at`` is in seconds since the epoch; ``gate`` is what the gate said, ``passed`` or ``refused``.
    """

    number: str
    created_at: float
    description: str
    labels: tuple[str, ...]
    metrics: Mapping[str, float]
    data_sha256: str
    gate: str
    gate_reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """A model: its versions, newest first, and which of them each alias points to."""

    description: str
    aliases: Mapping[str, str]
    versions: tuple[Version, ...]


#: A model that serves or is to serve, and that nobody has registered yet.
UNREGISTERED = Registered("", {}, ())


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model, for how long it has been, and for how long it may be taken for true."""

    model: Registered
    age_s: float
    fresh_s: float

    @property
    def headers(self) -> dict[str, str]:
        """Say how old the answer is (RFC 9111, 9211): one past its time has a negative ``ttl``."""
        left_s = int(self.fresh_s - self.age_s)
        return {"Age": str(int(self.age_s)), "Cache-Status": f"registry; hit; ttl={left_s}"}


class Catalog:
    """The registered models, as far as the registry ever told."""

    def __init__(self, settings: Settings, fresh: timedelta = FRESH) -> None:
        self._fresh_s = fresh.total_seconds()
        address = urlsplit(settings.mlflow_tracking_uri)
        host = address.netloc.rpartition("@")[2]
        self._is_http = address.scheme in ("http", "https") and bool(host)
        self._root = urlunsplit((address.scheme, host, address.path.rstrip("/"), "", "")) + "/api/2.0/mlflow/"
        self._headers = _credentials(settings)
        self._pool = httpcore2.AsyncConnectionPool(max_connections=2, keepalive_expiry=5)
        self._known: dict[str, tuple[Registered, float]] = {}
        self._asked: dict[str, float] = {}
        self._asking = asyncio.Lock()
        self._is_away = False

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def model(self, name: str) -> Known:
        """Return what is known of a model.

        Raises:
            RegistryUnavailable: the registry does not answer and never did.
        """
        if self._is_due(name):
            # One asks, the others wait for the same answer.
            async with self._asking:
                if self._is_due(name):
                    await self._refresh(name)
        known = self._known.get(name)
        if known is None:
            raise RegistryUnavailable("The model registry does not answer. Try again shortly.")
        return Known(known[0], time.monotonic() - known[1], self._fresh_s)

    def _is_due(self, name: str) -> bool:
        return time.monotonic() - self._asked.get(name, float("-inf")) > self._fresh_s

    async def _refresh(self, name: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                model = await self._read(name)
        except _AWAY as error:
            if not self._is_away:
                log.warning("registry.away", extra={"error": type(error).__name__})
            self._is_away = True
        else:
            self._known[name] = model, time.monotonic()
            if self._is_away:
                log.info("registry.back")
            self._is_away = False
        # After a failure too: a registry that is away is not asked again by every request.
        self._asked[name] = time.monotonic()

    async def _read(self, name: str) -> Registered:
        told = (await self._ask("registered-models/get", name=name)).get("registered_model")
        if told is None:
            return UNREGISTERED
        versions: list[Version] = []
        page_token = ""
        while True:
            page = await self._ask(
                "model-versions/search",
                filter=f"name = '{name}'", max_results=str(PAGE), page_token=page_token,
            )  # fmt: skip
            versions += map(_version, page.get("model_versions", ()))
            page_token = page.get("next_page_token", "")
            if not page_token:
                break
        return Registered(
            told.get("description", ""),
            {str(each["alias"]): str(each["version"]) for each in told.get("aliases", ())},
            tuple(sorted(versions, key=lambda version: -int(version.number))),
        )

    async def _ask(self, method: str, **query: str) -> dict[str, Any]:
        """Return what MLflow answers; nothing where the model does not exist."""
        if not self._is_http:
            raise _Refused
        url = f"{self._root}{method}?{urlencode(query)}"
        answer = await self._pool.request("GET", url, headers=self._headers)
        try:
            told = json.loads(answer.content)
        except ValueError:
            raise _Refused from None
        if not isinstance(told, dict):
            raise _Refused
        if answer.status == 404 and told.get("error_code") == "RESOURCE_DOES_NOT_EXIST":
            return {}
        if answer.status != 200:
            raise _Refused
        return told


class _Refused(Exception):
    """It answers, but not as MLflow does when all is well."""


_AWAY = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, OSError, _Refused)


def _version(told: Mapping[str, Any]) -> Version:
    tags = {tag["key"]: tag.get("value", "") for tag in told.get("tags", ())}
    labels, metrics = _json(tags, LABELS_TAG, list), _json(tags, METRICS_TAG, dict)
    return Version(
        number=str(told["version"]),
        created_at=int(told.get("creation_timestamp", 0)) / 1000,
        description=told.get("description", ""),
        labels=tuple(map(str, labels)),
        metrics={name: value for name, value in metrics.items() if isinstance(value, int | float)},
        data_sha256=tags.get(DATA_TAG, ""),
        gate=tags.get(GATE_TAG, ""),
        gate_reasons=tuple(tags.get(GATE_REASONS_TAG, "").splitlines()),
    )


def _json(tags: Mapping[str, str], name: str, kind: type) -> Any:
    """Return what a tag holds; empty where the version is not of our trainer."""
    with suppress(ValueError):
        if isinstance(found := json.loads(tags.get(name, "")), kind):
            return found
    return kind()


def _credentials(settings: Settings) -> dict[bytes | str, bytes | str]:
    """Return the header that MLflow's own client would send."""
    if token := settings.mlflow_token.get_secret_value():
        return {"Authorization": f"Bearer {token}"}
    address = urlsplit(settings.mlflow_tracking_uri)
    user = settings.mlflow_username or unquote(address.username or "")
    password = settings.mlflow_password.get_secret_value() or unquote(address.password or "")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
