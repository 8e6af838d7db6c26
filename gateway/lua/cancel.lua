-- End predictions as canceled unless they have ended already: the named ones, or all whose deadline is past.
-- contract/terminal.lua stands before this text. A worker that holds one finds its fence void.
-- ARGV: see gateway/store.py (cancel)
local keys = {prediction = ARGV[1], events = ARGV[3], outbox = ARGV[4], deadlines = ARGV[5],
  events_kept = ARGV[6], retention = ARGV[7]}
local job_prefix, queue_prefix, backlog_prefix, reason, most = ARGV[2], ARGV[8], ARGV[9], ARGV[10], ARGV[11]

local now = clock()
local ids = {unpack(ARGV, 12)}
if #ids == 0 then ids = redis.call('ZRANGEBYSCORE', keys.deadlines, '-inf', now, 'LIMIT', 0, most) end
local canceled = 0
for _, id in ipairs(ids) do
  local known = redis.call('HMGET', keys.prediction .. id, unpack(KNOWN))
  if known[1] == 'starting' or known[1] == 'processing' then
    local queue = redis.call('HGET', job_prefix .. id, 'origin')
    if queue and redis.call('LREM', queue_prefix .. queue, 1, id) == 1 then
      local size = redis.call('HGET', keys.prediction .. id, 'size') or 0
      redis.call('HINCRBY', backlog_prefix .. known[3], 'size', -size)
    end
    finish(keys, id, now, {'status', 'canceled', 'cancel_reason', reason}, known, '')
    redis.call('HSET', job_prefix .. id, 'status', 'canceled')
    redis.call('EXPIRE', job_prefix .. id, keys.retention)
    canceled = canceled + 1
  else
    redis.call('ZREM', keys.deadlines, id)
  end
end
return canceled
