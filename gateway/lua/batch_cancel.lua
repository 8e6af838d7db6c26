-- Say that a batch is canceled, and have its rows ended from the first one on (batch_sweep.lua).
-- KEYS: the batch, the batches to sweep; ARGV: id
-- One that was given up may have got rows since: a gateway that slept through its lease.
local batch = redis.call('HMGET', KEYS[1], 'id', 'sealed_at', 'completed_at')
if not batch[1] or (batch[2] and batch[3]) then return 0 end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'canceled_at', string.format('%d.%06d', time[1], time[2]))
redis.call('HDEL', KEYS[1], 'swept')
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
