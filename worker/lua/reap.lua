-- Take back what a dead or paused worker holds: its jobs return to the head of their queue in their old order,
-- now suspects, or fail when they have outlived too many workers. contract/terminal.lua stands before this text.
-- KEYS: the leases, the set of queues, then the registries of ended jobs of this worker's queues
-- ARGV: see worker/queue.py (reap)
local started_prefix, failed_prefix, doorbell_prefix = ARGV[1], ARGV[2], ARGV[3]
local max_deaths, most, today = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

local now = clock()
-- What RQ's own workers do in their maintenance: nobody else empties these registries.
for registry = 3, #KEYS do redis.call('ZREMRANGEBYSCORE', KEYS[registry], '-inf', now) end
local requeued, failed = 0, 0
local overdue = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, most)
-- Ids sort by time and LPUSH turns the order round, so the newest goes first.
table.sort(overdue, function(a, b) return a > b end)
for _, member in ipairs(overdue) do
  local id, fence = string.match(member, '^(.*):(%d+)$')
  local key = keys.prediction .. id
  local known = redis.call('HMGET', key, unpack(KNOWN))
  local queue = redis.call('HGET', keys.job .. id, 'origin')
  redis.call('ZREM', KEYS[1], member)
  if queue then redis.call('ZREM', started_prefix .. queue, member) end
  if queue and known[1] == 'processing' and known[2] == fence then
    local deaths = redis.call('HINCRBY', key, 'deaths', 1)
    if deaths < max_deaths then
      redis.call('HSET', key, 'status', 'starting')
      redis.call('HSET', keys.job .. id, 'status', 'queued', 'worker_name', '')
      redis.call('LPUSH', keys.queue .. queue, id)
      redis.call('SADD', KEYS[2], keys.queue .. queue)
      redis.call('HINCRBY', keys.backlog .. known[3], 'size', redis.call('HGET', key, 'size') or 0)
      local doorbell = doorbell_prefix .. known[3]
      if redis.call('LLEN', doorbell) == 0 then redis.call('RPUSH', doorbell, '1') end
      requeued = requeued + 1
    else
      local reason = 'the worker died ' .. deaths .. ' times on it'
      finish(id, now, {'status', 'failed', 'error', reason, 'error_code', 'worker_died'}, known, '')
      redis.call('HSET', keys.job .. id, 'status', 'failed', 'ended_at', today, 'exc_info', reason)
      redis.call('EXPIRE', keys.job .. id, keys.retention)
      redis.call('ZADD', failed_prefix .. queue, now + keys.retention, id)
      failed = failed + 1
    end
  end
end
return {requeued, failed}
