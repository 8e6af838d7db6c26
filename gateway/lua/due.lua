-- Lease the webhooks that are due: until a delivery is settled, its entry is hidden from other deliverers.
-- KEYS: the outbox; ARGV: the most, seconds of the lease
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id) end
return due
