"""What a stock RQ worker runs: ``rq worker --serializer json sentiment`` drains the same queue.

One job a call instead of a batch, but the same lease, fence and commit, so both kinds of worker may share a
queue. Settings are read at the first call, because RQ imports this module by name.
"""

import threading
from functools import cache

from redis import Redis

from contract import jobs
from worker import inference, threads
from worker.errors import PredictionFailed, RegistryAway
from worker.model import RegisteredModel
from worker.queue import Queue
from worker.settings import Settings
from worker.versions import versions


def predict(prediction_id: str) -> None:
    """Answer one prediction.

    Raises:
        PredictionFailed: it ended as ``failed``, so that RQ counts its job as failed too.
    """
    settings = _settings()
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    queue = Queue(redis, settings.model, worker=None, lease=jobs.JOB_TIMEOUT)
    # RQ kills the job after JOB_TIMEOUT, so a lease of that length needs no heartbeat.
    job = queue.claim_one(prediction_id)
    if job is None:
        return
    if job.input.get("explain"):
        batch = inference.explain(_model(), job)
    else:
        batch = inference.run(_model(), *inference.encode(_model(), [job]))
    queue.commit(batch)
    if batch.outcomes[0].answer is None:
        raise PredictionFailed(batch.outcomes[0].error)


@cache
def _settings() -> Settings:
    return Settings()


@cache
def _model() -> RegisteredModel:
    settings = _settings()
    threads.limit(settings.threads)
    known = versions(settings, threading.Event())
    try:
        return known.load(known.champion())
    except RegistryAway:
        found = known.last_good()
        if found is None:
            raise
        return found[1]
