"""What the routes share, made once when the gateway starts."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from redis.asyncio import Redis

from gateway.admission import Admission
from gateway.batches.store import Batches
from gateway.catalog import Catalog
from gateway.keyring import Keyring
from gateway.links import Links
from gateway.metrics import Metrics
from gateway.overview.reading import Reader
from gateway.overview.watching import Overviews
from gateway.settings import Settings
from gateway.store import Store
from gateway.streams.watching import Streams
from gateway.trainings.queue import Trainings
from gateway.waiting import Waiters
from gateway.webhooks.deliveries import Journal
from gateway.webhooks.endpoints import Endpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one gateway process; there is an admission for each model."""

    settings: Settings
    redis: "Redis"
    admissions: Mapping[str, Admission]
    waiters: Waiters
    streams: Streams
    store: Store
    batches: Batches
    endpoints: Endpoints
    journal: Journal
    trainings: Trainings
    overview: Reader
    overviews: Overviews
    metrics: Metrics
    catalog: Catalog
    keyring: Keyring


def base_url_of(request: Request) -> str:
    """Return the address under which this client reached us: Starlette's ``base_url``, without parsing it."""
    if public_url := services(request).settings.public_url:
        return public_url.rstrip("/")
    scope = request.scope
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return f"{scope['scheme']}://{host}{scope.get('root_path', '')}"


def links_of(request: Request) -> Links:
    """Return what the addresses in an answer to this client are made of."""
    return Links(base_url_of(request), services(request).keyring.digest)


def services(request: Request) -> Services:
    """Return the parts, from a request."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found
