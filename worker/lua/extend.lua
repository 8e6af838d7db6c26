-- Extend the leases that are still held; one that was reaped stays reaped.
-- KEYS: the leases; ARGV: seconds, then members id:fence
local time = redis.call('TIME')
local ends = tonumber(time[1]) + tonumber(time[2]) / 1e6 + tonumber(ARGV[1])
local held = 0
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], ends, ARGV[i])
    held = held + 1
  end
end
return held
