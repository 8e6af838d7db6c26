-- Begin a batch, unless the same create was made before. It is open, and leased to the gateway that receives it.
-- KEYS: the batch, the owner's batches, the leases of those being received, the idempotency key
-- ARGV: id, seconds of the lease, retention, '1' where there is an idempotency key, its name, the prefix of
-- batches, then the batch's fields
-- Returns the id of the earlier one and its fingerprint, empty while it is received; nothing for a new one.
local id, lease, retention, batch_prefix = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6]

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if ARGV[4] == '1' then
  local held = redis.call('GET', KEYS[4])
  local fingerprint, earlier = string.match(held or '', '^(%S*) (.*)$')
  -- Our own id: the answer to the first call was lost, and this is the second.
  if earlier and earlier ~= id and redis.call('EXISTS', batch_prefix .. earlier) == 1 then
    return {earlier, fingerprint}
  end
  redis.call('SET', KEYS[4], ' ' .. id, 'EX', 2 * retention)
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'v', '1', 'id', id, 'created_at', string.format('%.6f', now), 'open', 1, 'total', 0,
    'idempotency', ARGV[5], unpack(ARGV, 7))
  redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%d', (now - 2 * retention) * 1000), '*', 'id', id)
end
redis.call('ZADD', KEYS[3], now + lease, id)
return {}
