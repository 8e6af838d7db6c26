"""What a client can be told.

GatewayError
├── BadHeader            400   a header that cannot be read
├── MalformedUpload      400   the rows of a batch cannot be told apart
├── Unauthenticated      401   no key, or none that we know
├── Forbidden            403   the key lacks the scope
├── PredictionNotFound   404
├── BatchNotFound        404
├── AlertNotFound        404
├── EndpointNotFound     404
├── DeliveryNotFound     404
├── TrainingNotFound     404
├── EndpointDisabled     409   nothing is delivered there
├── ModelNotFound        404   no such model, or no such version of it
├── CreateInFlight       409   the same create is under way
├── BatchCanceled        409   canceled while its rows still came
├── PredictionExpired    410   it was, and is past its retention
├── UploadTooSlow        408   nothing came for too long
├── BodyTooLarge         413   refused before it is read whole
├── HeadTooLarge         431   so are headers
├── BrokenOff            400   the client went away in the middle of its body: nobody reads the answer
├── TooManyTexts         413   a batch takes more
├── MalformedTensors     400   not what the Open Inference Protocol means
├── InferenceFailed      500   the model could not answer a text of the request
├── InvalidRequest       422   this request can never succeed; names the fields
│   ├── UnknownModel
│   ├── UnknownVersion
│   ├── IdTaken              another prediction has the id that the client chose
│   ├── IdempotencyMismatch  the key again, with another request
│   ├── NotSucceeded         feedback on a prediction without an answer
│   ├── UnknownLabel         feedback with a label that the model does not have
│   └── WebhookRefused
├── QuotaSpent           429   the key has created as many as it may for now
├── QueueFull            503   the same request will succeed later
├── Overloaded           503   as above; refused before it is read
├── QueueUnavailable     503   our side: Redis does not answer
├── NotAnswered          503   the time that the client gave is over
├── RegistryUnavailable  503   MLflow does not answer, and never did
└── NoWorker             503   the probe's answer: nobody holds the model yet
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from gateway.quota import Allowance, rate_limit


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


class MalformedUpload(GatewayError):
    """Rows cannot be told apart; what is wrong within one is that row's matter."""

    status, code, title = 400, "malformed", "Malformed request"


class BatchNotFound(GatewayError):
    """No batch of that id, or it is past its retention."""

    status, code, title = 404, "not_found", "Not found"


class ModelNotFound(GatewayError):
    """This gateway serves no model of that name, or the model has no version of that number."""

    status, code, title = 404, "not_found", "Not found"


class EndpointNotFound(GatewayError):
    """No managed endpoint of that id, or it is another key's."""

    status, code, title = 404, "not_found", "Not found"


class DeliveryNotFound(GatewayError):
    """No attempt of that id is in the log, any more or ever."""

    status, code, title = 404, "not_found", "Not found"


class TrainingNotFound(GatewayError):
    """No job of that id is on the trainer's queue, or it is past its retention."""

    status, code, title = 404, "not_found", "Not found"


class EndpointDisabled(GatewayError):
    """Nothing is delivered to a disabled endpoint; enable it first."""

    status, code, title = 409, "endpoint_disabled", "Endpoint disabled"


class CreateInFlight(GatewayError):
    """A create with the same idempotency key has not been answered yet."""

    status, code, title = 409, "in_flight", "Create in flight"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class BatchCanceled(GatewayError):
    """Somebody canceled the batch, or gave it up, while its rows still came."""

    status, code, title = 409, "batch_canceled", "Batch canceled"


class PredictionNotFound(GatewayError):
    """No prediction of that id, or it is past its retention."""

    status, code, title = 404, "not_found", "Not found"


class AlertNotFound(GatewayError):
    """No alert of that id, or a thousand others fired since."""

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


class HeadTooLarge(GatewayError):
    """More bytes of headers than any client needs."""

    status, code, title = 431, "head_too_large", "Request Header Fields Too Large"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class BrokenOff(GatewayError):
    """The connection ended before the body did."""

    status, code, title = 400, "broken_off", "Broken off"


class UploadTooSlow(GatewayError):
    """The rest of the body did not come."""

    status, code, title = 408, "too_slow", "Too slow"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}


class TooManyTexts(GatewayError):
    """More texts than one request may hold while it waits for them all."""

    status, code, title = 413, "too_many_texts", "Too many texts"


class MalformedTensors(GatewayError):
    """Shapes, types or bytes that do not fit together."""

    status, code, title = 400, "malformed", "Malformed request"


class InferenceFailed(GatewayError):
    """The model raised, or its worker died, on a text of the request."""

    status, code, title = 500, "prediction_failed", "Prediction failed"


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


class NotSucceeded(InvalidRequest):
    """There is no answer that could be right or wrong."""

    code, title = "not_succeeded", "No answer"


class UnknownLabel(InvalidRequest):
    """The model does not know this label."""

    code, title = "unknown_label", "Unknown label"


class WebhookRefused(InvalidRequest):
    """The URL can never be called from here."""

    code, title = "webhook_refused", "Webhook refused"


class QuotaSpent(GatewayError):
    """The key has created as many predictions as it may for now."""

    status, code, title = 429, "quota_spent", "Quota spent"

    def __init__(self, resets_s: int, quota: int) -> None:
        super().__init__(f"This key's quota of {quota} a minute is spent; it starts anew in {resets_s} s.")
        self.resets_s, self.quota = resets_s, quota

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer adds."""
        return {"Retry-After": str(self.resets_s), **rate_limit(Allowance(0, self.resets_s), self.quota)}


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


class NotAnswered(GatewayError):
    """What was asked is given up, because the client's time is over."""

    status, code, title = 503, "not_answered", "Not answered in time"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


class RegistryUnavailable(GatewayError):
    """MLflow does not answer, and nothing that it said before is known."""

    status, code, title = 503, "registry_unavailable", "Registry unavailable"
    fixed_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}
