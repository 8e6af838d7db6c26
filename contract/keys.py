"""Where things lie in Redis: every key is a function or a constant here, spelled nowhere else.

Keys under ``rq:`` are RQ's own (RQ 3); a test holds them against RQ's code. Lua scripts are handed
the ``*_PREFIX`` constants, because they build keys from the ids they pop.
"""

PREDICTION_PREFIX = "barometer:prediction:"
JOB_PREFIX = "rq:job:"
QUEUE_PREFIX = "rq:queue:"
STARTED_PREFIX = "rq:wip:"
FINISHED_PREFIX = "rq:finished:"
FAILED_PREFIX = "rq:failed:"
WORKER_PREFIX = "rq:worker:"
WORKERS_PREFIX = "rq:workers:"
DOORBELL_PREFIX = "barometer:doorbell:"
BACKLOG_PREFIX = "barometer:backlog:"
#: Then the owner: see ``created``.
CREATED_PREFIX = "barometer:created:"
#: Set of all owners that ever created a prediction.
OWNERS = "barometer:owners"
DELIVERY_PREFIX = "barometer:delivery:"
#: Then an owner and what its client sent as ``Idempotency-Key``: ``FINGERPRINT ID`` of the one create.
IDEMPOTENCY_PREFIX = "barometer:idempotency:"
#: Then an owner and the number of a minute: predictions it created within.
QUOTA_PREFIX = "barometer:quota:"
BATCH_PREFIX = "barometer:batch:"
#: Then a model and two of its versions: see ``shadow``.
SHADOW_PREFIX = "barometer:shadow:"
#: The owner of what concerns the whole service: alerts, drift, models.
EVERYBODY = "*"
#: Then an owner, a colon and a type of event: see ``subscribed``.
SUBSCRIBED_PREFIX = "barometer:subscribed:"

#: Field of RQ's worker hash in which ours names the version that it serves; RQ keeps it and ignores it.
SERVING = "barometer_version"
#: Names of all queues, as ``rq:queue:NAME``.
QUEUES = "rq:queues"
#: Stream of everything that happened, see ``contract.events``.
EVENTS = "barometer:events"
#: Sorted set ``id:fence`` by the second (Redis clock) at which the lease ends.
LEASES = "barometer:leases"
#: Sorted set of prediction ids by the second (Redis clock) at which they are canceled if they have not ended.
DEADLINES = "barometer:deadlines"
#: Sorted set of webhooks that are due, by the second (Redis clock) of the next attempt. A bare prediction id
#: is the webhook of its end; all others are ``TYPE ID ENDPOINT``: an event's type, its subject, and who gets
#: it (a managed endpoint's id, or nothing: the URL that came with the request). The subject is what the event
#: is about: a prediction, a batch, an alert, an endpoint; of ``drift.*`` and ``model.*``, the event's entry.
OUTBOX = "barometer:outbox"
#: Sorted set of alert ids by the second at which they fired; each is a hash at ``alert(id)``.
ALERTS = "barometer:alerts"
#: String, present while monitoring lives: Redis' time of its last tick, in milliseconds.
MONITORING_HEARTBEAT = "barometer:monitoring:heartbeat"
#: String, JSON: what monitoring tells the page, see ``contract.overview``.
OVERVIEW = "barometer:overview"
#: Then a model: see ``training_feedback``.
TRAINING_FEEDBACK_PREFIX = "barometer:training:feedback:"


def prediction(id: str) -> str:
    """Hash: the record of one prediction, see ``contract.predictions``."""
    return PREDICTION_PREFIX + id


def delivery(member: str) -> str:
    """Hash: attempts made to deliver one entry of the outbox, and what it says once the first has failed."""
    return DELIVERY_PREFIX + member


def created(owner: str) -> str:
    """Stream: ids of the predictions that one API key created, oldest first. No keys: the owner is ``""``."""
    return CREATED_PREFIX + owner


def batch(id: str) -> str:
    """Hash: one batch. ``open`` counts its rows that have not ended, and one more while it is received."""
    return BATCH_PREFIX + id


def shadow(model: str, champion: str, challenger: str, registered_ms: int) -> str:
    """Hash: how a challenger did beside a champion, see ``contract.shadow``.

    ``registered_ms`` is when the registry got the challenger (milliseconds since the epoch): a registry that
    began anew gives the same numbers to other versions.
    """
    return f"{SHADOW_PREFIX}{model}:{champion}:{challenger}@{registered_ms}"


def subscribed(owner: str, type: str) -> str:
    """Set: ids of the managed endpoints that want this type of event of this owner (or of ``EVERYBODY``)."""
    return f"{SUBSCRIBED_PREFIX}{owner}:{type}"


def training_feedback(model: str) -> str:
    """String, JSON lines of ``contract.jobs.Judged``: feedback on its way to a training."""
    return TRAINING_FEEDBACK_PREFIX + model


def alert(id: str) -> str:
    """Hash: one alert, from fired to resolved."""
    return f"barometer:alert:{id}"


def doorbell(model: str) -> str:
    """List that holds at most one element; an idle worker blocks on it instead of polling its queues."""
    return DOORBELL_PREFIX + model


def backlog(model: str) -> str:
    """Hash: ``size``, characters that wait in all queues of a model, and what lower lanes are owed."""
    return BACKLOG_PREFIX + model


def job(id: str) -> str:
    """Hash: RQ's job. Its id is the prediction's id."""
    return JOB_PREFIX + id


def results(id: str) -> str:
    """Stream: what RQ's worker wrote down of a job, its return value in base64 among it."""
    return f"rq:results:{id}"


def queue(name: str) -> str:
    """List: RQ's queue of job ids, head first."""
    return QUEUE_PREFIX + name


def started(name: str) -> str:
    """Sorted set ``id:fence``: RQ's registry of executing jobs."""
    return STARTED_PREFIX + name


def finished(name: str) -> str:
    """Sorted set of job ids by expiry: RQ's registry of finished jobs."""
    return FINISHED_PREFIX + name


def failed(name: str) -> str:
    """Sorted set of job ids by expiry: RQ's registry of failed jobs."""
    return FAILED_PREFIX + name


def workers(queue: str) -> str:
    """Set: keys of the workers registered on a queue; one whose key has expired is dead."""
    return WORKERS_PREFIX + queue
