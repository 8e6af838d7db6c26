"""What lies in the outbox: an event, what it is about, and who gets it. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from contract import keys
from contract.states import Status

#: A prediction's own webhook: it has ended, or its first attempt has begun.
COMPLETED = "completed"
START = "start"
BATCH_COMPLETED = "batch.completed"
ENDPOINT_DISABLED = "endpoint.disabled"
PING = "webhook.ping"

PREDICTIONS = tuple(f"prediction.{status}" for status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED))
ALERTS = ("alert.fired", "alert.resolved")
#: Whose subject is the entry of the event itself.
ENTRIES = ("drift.detected", "model.promoted", "model.rolled_back")
#: All that a managed endpoint can subscribe to. A ping is sent to whom it is asked for.
TYPES = (*PREDICTIONS, BATCH_COMPLETED, *ALERTS, *ENTRIES, ENDPOINT_DISABLED, PING)
#: What concerns the whole service and no single owner.
SERVICE_WIDE = frozenset((*ALERTS, *ENTRIES))

#: In place of a managed endpoint's id: the URLs that come with requests.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the outbox.

    Args:
        type: of the event; ``completed`` and ``start`` for a prediction's own webhook.
        subject: the id of what it is about.
        endpoint: a managed endpoint's id, or empty: the URL that came with the request.
    """

    type: str
    subject: str
    endpoint: str = ""

    @classmethod
    def parse(cls, member: str) -> Self:
        """Read a member of the outbox: a bare prediction id, or ``TYPE ID ENDPOINT``."""
        words = member.split(" ")
        return cls(COMPLETED, member) if len(words) == 1 else cls(*words)

    def __str__(self) -> str:
        if self.type == COMPLETED:
            return self.subject
        return f"{self.type} {self.subject} {self.endpoint}"

    def webhook_id(self, again: str = "") -> str:
        """Return what a receiver tells repetitions by: the same for every attempt, and for nobody else.

        Args:
            again: how often the subject was reopened and ended anew, which is another message.
        """
        return ".".join(filter(None, (self.subject, self.type, self.endpoint, again)))


@dataclass(frozen=True, slots=True)
class Calls:
    """When a prediction's own webhook is called: the URL where it is, else nothing."""

    at_end: str = ""
    only_if: str = ""
    at_start: str = ""


def wanted_calls(url: str | None, events: Collection[str] | None) -> Calls:
    """Return when to call a webhook, from a client's ``webhook_events_filter``.

    The only output comes with the end, so ``output`` and ``completed`` together are one call, and ``output``
    alone is the end of one that succeeded. There are no logs.
    """
    if url is None:
        return Calls()
    wanted = set(events or (COMPLETED,))
    has_end = bool(wanted & {"output", COMPLETED})
    return Calls(
        at_end=url if has_end else "",
        only_if=Status.SUCCEEDED if has_end and COMPLETED not in wanted else "",
        at_start=url if START in wanted else "",
    )


def subscription(owner: str, type: str) -> str:
    """Return the name under which an endpoint of this owner subscribes, see ``contract.keys.subscribed``."""
    return f"{keys.EVERYBODY if type in SERVICE_WIDE else owner}:{type}"
