-- Take back what a dead or paused worker holds: its jobs return to the head of their queue in their old order,
-- or fail when they have killed their worker too often. contract/terminal.lua stands before this text.
-- KEYS: the leases, the set of queues, the finished and failed registries of this worker's queue
-- ARGV: see worker/queue.py (reap)
local keys = {prediction = ARGV[1], events = ARGV[4], outbox = ARGV[5], events_kept = ARGV[6], retention = ARGV[7]}
local job_prefix, execution_prefix = ARGV[2], ARGV[3]
local queue_prefix, started_prefix, failed_prefix, doorbell_prefix = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local max_attempts, most, today = tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14]

local now = clock()
-- What RQ's own workers do in their maintenance: nobody else empties these registries.
for registry = 3, 4 do redis.call('ZREMRANGEBYSCORE', KEYS[registry], '-inf', now) end
local requeued, failed = 0, 0
local overdue = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, most)
-- Ids sort by time and LPUSH turns the order round, so the newest goes first.
table.sort(overdue, function(a, b) return a > b end)
for _, member in ipairs(overdue) do
  local id, fence = string.match(member, '^(.*):(%d+)$')
  local known = redis.call('HMGET', keys.prediction .. id,
    'status', 'attempts', 'model', 'created_at', 'started_at', 'webhook')
  local queue = redis.call('HGET', job_prefix .. id, 'origin')
  redis.call('ZREM', KEYS[1], member)
  redis.call('DEL', execution_prefix .. member)
  if queue then redis.call('ZREM', started_prefix .. queue, member) end
  if queue and known[1] == 'processing' and known[2] == fence then
    if tonumber(fence) < max_attempts then
      redis.call('HSET', keys.prediction .. id, 'status', 'starting')
      redis.call('HSET', job_prefix .. id, 'status', 'queued', 'worker_name', '')
      redis.call('LPUSH', queue_prefix .. queue, id)
      redis.call('SADD', KEYS[2], queue_prefix .. queue)
      if redis.call('LLEN', doorbell_prefix .. queue) == 0 then
        redis.call('RPUSH', doorbell_prefix .. queue, '1')
      end
      requeued = requeued + 1
    else
      local reason = 'the worker died ' .. fence .. ' times on it'
      finish(keys, id, now, {'status', 'failed', 'error', reason, 'error_code', 'worker_died'},
        {known[3], known[4], known[5], fence, known[6]}, '')
      redis.call('HSET', job_prefix .. id, 'status', 'failed', 'ended_at', today, 'exc_info', reason)
      redis.call('EXPIRE', job_prefix .. id, keys.retention)
      redis.call('ZADD', failed_prefix .. queue, now + keys.retention, id)
      failed = failed + 1
    end
  end
end
return {requeued, failed}
