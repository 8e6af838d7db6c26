"""Who asks, and what they may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from gateway.errors import Forbidden


class Scope(StrEnum):
    """What a key is good for."""

    PREDICT = "predict"
    READ = "read"
    FEEDBACK = "feedback"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request.

    Args:
        owner: the id of its key, under which its predictions lie; empty where there are no keys.
        scopes: what it may do.
        quota: predictions it may create a minute; None: as many as it likes.
    """

    owner: str
    scopes: frozenset[Scope]
    quota: int | None = None

    def check(self, scope: Scope) -> None:
        """Let pass whoever has the scope.

        Raises:
            Forbidden: it does not.
        """
        if scope not in self.scopes:
            raise Forbidden(f"This key lacks the scope {scope.value!r}.")


#: Where no key was ever made: whoever reaches the gateway may do everything.
ANYBODY = Caller("", frozenset(Scope))
#: Where there are keys, whoever sent none to an address that needs none.
NOBODY = Caller("", frozenset())

#: Probes, figures, documentation and the page: they tell nothing of anybody's predictions.
_PUBLIC = frozenset({"/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs"})
_PUBLIC_BELOW = ("/docs/", "/page/", "/v2/health/")


def is_public(path: str) -> bool:
    """Whether an address needs no key."""
    return path in _PUBLIC or path.startswith(_PUBLIC_BELOW)


def caller(request: Request) -> Caller:
    """Return who sent this request."""
    found: Caller = request.scope["caller"]
    return found


def needs(scope: Scope) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that lets only keys with this scope through."""

    async def check(request: Request) -> None:
        caller(request).check(scope)

    return check
