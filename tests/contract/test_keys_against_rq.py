"""Our keys under ``rq:`` are RQ's, held against RQ's own code."""

import json
from importlib import import_module

from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from contract import jobs, keys


def test_keys_are_those_of_rq(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    queue = Queue("sentiment", connection=redis)
    assert keys.queue("sentiment") == queue.key
    assert Queue.redis_queues_keys == keys.QUEUES
    assert keys.job("7") == Job("7", connection=redis).key
    assert keys.results("7") == Result.get_key("7")
    assert keys.started("sentiment") == StartedJobRegistry(queue=queue).key
    assert keys.finished("sentiment") == FinishedJobRegistry(queue=queue).key
    assert keys.failed("sentiment") == FailedJobRegistry(queue=queue).key
    assert keys.workers("sentiment") == WORKERS_BY_QUEUE_KEY % "sentiment"
    assert Worker.redis_worker_namespace_prefix == keys.WORKER_PREFIX


def test_a_job_reads_as_rq_would_have_written_it(redis_url: str) -> None:
    job = Job("7", connection=Redis.from_url(redis_url), serializer=JSONSerializer)
    job.data = jobs.data("7").encode()
    assert (job.func_name, job.args, job.kwargs) == (jobs.PREDICT, ["7"], {})
    assert json.loads(jobs.data("7"))[0] == jobs.PREDICT


def test_the_name_of_each_function_leads_to_one() -> None:
    for name in (jobs.PREDICT, jobs.TRAIN, jobs.ROLL_BACK, jobs.PROMOTE):
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(module), function))
