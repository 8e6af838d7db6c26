"""What a client can be told.

GatewayError
├── BadHeader            400   a header that cannot be read
├── Unauthenticated      401   no key, or none that we know
├── Forbidden            403   the key lacks the scope
├── PredictionNotFound   404
├── PredictionExpired    410   it was, and is past its retention
├── BodyTooLarge         413   refused before it is read whole
├── InvalidRequest       422   this request can never succeed; names the fields
│   ├── UnknownModel
│   ├── UnknownVersion
│   ├── IdTaken              another prediction has the id that the client chose
│   ├── IdempotencyMismatch  the key again, with another request
│   └── WebhookRefused
├── QuotaSpent           429   the key has created as many as it may for now
├── QueueFull            503   the same request will succeed later
├── Overloaded           503   as above; refused before it is read
├── QueueUnavailable     503   our side: Redis does not answer
└── NoWorker             503   the probe's answer: nobody holds the model yet
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class GatewayError(Exception):
    """The root: a status, a stable code, a title, and for the client a sentence."""

    status = 500
    code = "internal"
    title = "Internal error"
    fixed_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str, problems: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        #: One ``{detail, pointer}`` for each field at fault (RFC 9457, pointer as in RFC 6901).
        self.problems = problems

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer adds."""
        return self.fixed_headers


class BadHeader(GatewayError):
    """A header that cannot be read."""

    status, code, title = 400, "bad_header", "Bad header"


class PredictionNotFound(GatewayError):
    """No prediction of that id, or it is past its retention."""

    status, code, title = 404, "not_found", "Not found"


class Unauthenticated(GatewayError):
    """The request carries no key, or none that we know."""

    status, code, title = 401, "unauthenticated", "Key required"
    fixed_headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="barometer"'}


class Forbidden(GatewayError):
    """The key is good for other things."""

    status, code, title = 403, "forbidden", "Scope missing"


class PredictionExpired(GatewayError):
    """There may have been one of that id; what ended so long ago is not kept."""

    status, code, title = 410, "expired", "Expired"


class BodyTooLarge(GatewayError):
    """More bytes than the operator takes."""

    status, code, title = 413, "body_too_large", "Body too large"
    #: Nobody reads the rest: the connection cannot serve another request.
    fixed_headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class InvalidRequest(GatewayError):
    """The body is JSON, but not what this route takes."""

    status, code, title = 422, "invalid", "Invalid request"


class UnknownModel(InvalidRequest):
    """No worker serves a model of that name."""

    code, title = "unknown_model", "Unknown model"


class UnknownVersion(InvalidRequest):
    """The model's workers hold another version."""

    code, title = "unknown_version", "Unknown version"


class IdTaken(InvalidRequest):
    """An id names one prediction, for ever."""

    code, title = "id_taken", "Id taken"


class IdempotencyMismatch(InvalidRequest):
    """An idempotency key names one request."""

    code, title = "idempotency_mismatch", "Idempotency key used before"


class WebhookRefused(InvalidRequest):
    """The URL can never be called from here."""

    code, title = "webhook_refused", "Webhook refused"


class QuotaSpent(GatewayError):
    """The key has created as many predictions as it may for now."""

    status, code, title = 429, "quota_spent", "Quota spent"

    def __init__(self, resets_s: int) -> None:
        super().__init__(f"This key's quota is spent; it starts anew in {resets_s} s.")
        self.resets_s = resets_s

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer adds."""
        return {"Retry-After": str(self.resets_s)}


class QueueFull(GatewayError):
    """As many predictions wait as the operator allows."""

    status, code, title = 503, "queue_full", "Queue full"
    #: A worker takes thousands a second: a full queue has room again in a moment.
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


class Overloaded(GatewayError):
    """More requests come than this process can read."""

    status, code, title = 503, "overloaded", "Overloaded"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


class QueueUnavailable(GatewayError):
    """Redis does not answer, or answers that it cannot write."""

    status, code, title = 503, "queue_unavailable", "Queue unavailable"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class NoWorker(GatewayError):
    """No worker holds the model: what is accepted waits until one does."""

    status, code, title = 503, "no_worker", "No worker ready"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}
