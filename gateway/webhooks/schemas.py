"""The bodies of managed webhook endpoints and their log. What clients send is strict."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.webhooks.messages import PING, TYPES

#: What can be subscribed to; a ping comes to whom it is asked for, and needs no subscription.
EVENTS = tuple(type for type in TYPES if type != PING)

Events = Annotated[
    list[Annotated[str, Field(json_schema_extra={"enum": list(EVENTS)})]],
    Field(
        min_length=1,
        max_length=len(EVENTS),
        description="What to be told of",
        examples=[["prediction.failed"]],
    ),
]
Url = Annotated[str, Field(max_length=2000, examples=["https://example.com/hook"])]
Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("events", check_fields=False)
    @classmethod
    def _known(cls, events: list[str] | None) -> list[str] | None:
        if events is not None and not set(events) <= set(EVENTS):
            raise ValueError(f"There are these types of events: {', '.join(EVENTS)}")
        return None if events is None else list(dict.fromkeys(events))


class CreateEndpoint(_Body):
    """A receiver to be told of events."""

    url: Url
    events: Events
    description: Description = ""


class ChangeEndpoint(_Body):
    """What to change of a receiver; what is missing stays."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: Annotated[bool | None, Field(description="A disabled endpoint is told of nothing")] = None


class EndpointObject(BaseModel):
    """A managed receiver."""

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_at: str | None
    disabled_reason: Annotated[
        Literal["owner", "gone", "failing"] | None,
        Field(description="`owner`: by you; `gone`: it answered 410; `failing`: no success for 120 h"),
    ]
    created_at: str


class EndpointList(BaseModel):
    """All managed receivers of this key, the newest first."""

    results: list[EndpointObject]


class AttemptObject(BaseModel):
    """One attempt to deliver a webhook."""

    id: str
    type: Annotated[str, Field(description="Of the event; `start`, `completed`: a prediction's own webhook")]
    subject: Annotated[str, Field(description="Id of what it is about")]
    attempt: Annotated[int, Field(ge=1)]
    at: str
    delivered: bool
    status: Annotated[int | None, Field(description="What the receiver answered")]
    error: Annotated[str | None, Field(description="The class of what went wrong, if it did not answer")]
    duration_ms: Annotated[int, Field(ge=0)]
    answer: Annotated[str, Field(description="Its beginning; empty if it repeats a text of yours")]


class AttemptList(BaseModel):
    """A page of attempts, newest first; follow the addresses to the pages beside it."""

    previous: str | None
    next: str | None
    results: list[AttemptObject]


class Enqueued(BaseModel):
    """What will be sent."""

    enqueued: Annotated[int, Field(ge=0)]


class ReplayObject(Enqueued):
    """What will be sent again."""

    since: Annotated[
        str | None,
        Field(description="The oldest event looked at; later than asked if older ones are not kept"),
    ]
