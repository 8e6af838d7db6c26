-- Put a job on the queue of trainings, as RQ would: whole, or not at all. It goes first: the version that
-- serves is in question, and a training may take hours.
-- KEYS: the job, the queue, the set of queues
-- ARGV: the job's id, then fields and values of its hash
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
