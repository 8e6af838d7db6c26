-- Lease the webhooks that are due: until a delivery is settled, its entry is hidden from other deliverers.
-- contract/outbox.lua stands before this text.
-- ARGV: the most, seconds of the lease, prefix of managed endpoints
-- Returns the time, the lease, then each entry with the URL that it goes to; empty: nobody knows any more.
local function url(member)
  local type, id, endpoint = string.match(member, '^(%S+) (%S*) (%S*)$')
  if not type then return redis.call('HGET', keys.prediction .. member, 'webhook') end
  if endpoint ~= '' then return redis.call('HGET', ARGV[3] .. endpoint, 'url') end
  if type == 'start' then return redis.call('HGET', keys.prediction .. id, 'webhook_start') end
  return redis.call('HGET', keys.batch .. id, 'webhook')
end

local now = clock()
local lease = stamp(now + tonumber(ARGV[2]))
local told = {stamp(now), lease}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', keys.outbox, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', keys.outbox, lease, member)
  told[#told + 1] = member
  told[#told + 1] = url(member) or redis.call('HGET', keys.delivery .. member, 'url') or ''
end
return told
