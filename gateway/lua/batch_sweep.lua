-- End some rows of the first batch whose time is up: canceled, or its gateway died while it received it.
-- contract/terminal.lua stands before this text. How far it has come stands in the batch, so any gateway goes on.
-- KEYS: the leases of those being received, where a canceled batch has the score 0
-- ARGV: the most rows, the prefix of idempotency keys
-- Returns 0 when there is nothing to do.
local most = tonumber(ARGV[1])

local now = clock()
local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if not id then return 0 end
local key = keys.batch .. id
local batch = redis.call('HMGET', key, 'total', 'swept', 'queue', 'model', 'sealed_at', 'completed_at', 'idempotency')
if not batch[1] or (batch[5] and batch[6]) then
  redis.call('ZREM', KEYS[1], id)
  return 1
end
redis.call('HSETNX', key, 'canceled_at', stamp(now))
local total, swept, queue = tonumber(batch[1]), tonumber(batch[2] or 0), keys.queue .. batch[3]

-- Those that wait, first of all in one piece: one by one, each removal would search the whole queue.
local waiting, first = {}, nil
local rows = {}
for row = swept, math.min(swept + most, total) - 1 do
  local name = string.format('%s-%06d', id, row)
  local known = redis.call('HMGET', keys.prediction .. name, 'size', unpack(KNOWN))
  local size = table.remove(known, 1)
  if known[1] == 'starting' or known[1] == 'processing' then rows[#rows + 1] = {name, known} end
  if known[1] == 'starting' then
    waiting[name] = tonumber(size) or 0
    first = first or name
  end
end
local place = first and redis.call('LPOS', queue, first)
if place then
  local weight = 0
  for offset, name in ipairs(redis.call('LRANGE', queue, place, place + most - 1)) do
    if waiting[name] then
      weight, waiting[name] = weight + waiting[name], nil
      redis.call('LSET', queue, place + offset - 1, '')
    end
  end
  redis.call('LREM', queue, 0, '')
  redis.call('HINCRBY', keys.backlog .. batch[4], 'size', string.format('%d', -weight))
end
for name, size in pairs(waiting) do
  if redis.call('LREM', queue, 1, name) == 1 then
    redis.call('HINCRBY', keys.backlog .. batch[4], 'size', string.format('%d', -size))
  end
end

for _, row in ipairs(rows) do
  finish(row[1], now, {'status', 'canceled', 'cancel_reason', 'batch'}, row[2], '')
  redis.call('HSET', keys.job .. row[1], 'status', 'canceled')
  redis.call('EXPIRE', keys.job .. row[1], keys.retention)
end
redis.call('HSET', key, 'swept', swept + most)
if swept + most >= total then
  redis.call('ZREM', KEYS[1], id)
  if not batch[5] then
    -- Never whole: it ends here, unannounced, and its idempotency key is free again.
    redis.call('HSET', key, 'completed_at', stamp(now))
    expire_batch(key)
    local held = ARGV[2] .. (batch[7] or '')
    if given(batch[7]) and redis.call('GET', held) == ' ' .. id then redis.call('DEL', held) end
  end
end
return 1
