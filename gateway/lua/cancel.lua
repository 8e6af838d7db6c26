-- End predictions as canceled unless they have ended already: the named ones, or all whose deadline is past.
-- contract/terminal.lua stands before this text. A worker that holds one finds its fence void.
-- ARGV: see gateway/store.py (cancel)
local reason, most = ARGV[1], ARGV[2]

local now = clock()
local ids = {unpack(ARGV, 3)}
if #ids == 0 then ids = redis.call('ZRANGEBYSCORE', keys.deadlines, '-inf', now, 'LIMIT', 0, most) end
local canceled = 0
for _, id in ipairs(ids) do
  local known = redis.call('HMGET', keys.prediction .. id, unpack(KNOWN))
  if known[1] == 'starting' or known[1] == 'processing' then
    local queue = redis.call('HGET', keys.job .. id, 'origin')
    if queue and redis.call('LREM', keys.queue .. queue, 1, id) == 1 then
      local size = redis.call('HGET', keys.prediction .. id, 'size') or 0
      redis.call('HINCRBY', keys.backlog .. known[3], 'size', -size)
    end
    finish(id, now, {'status', 'canceled', 'cancel_reason', reason}, known, '')
    redis.call('HSET', keys.job .. id, 'status', 'canceled')
    redis.call('EXPIRE', keys.job .. id, keys.retention)
    canceled = canceled + 1
  else
    redis.call('ZREM', keys.deadlines, id)
  end
end
return canceled
