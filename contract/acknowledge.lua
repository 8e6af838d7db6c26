-- Write down who has taken on an alert, and tell it to whoever reads the events. The first one stays.
-- KEYS: the alert's hash, the stream of events. ARGV: who, entries kept in the stream.
-- Returns -1 for an alert that nobody knows, 0 for one that was acknowledged before, else 1.
local hash, events = KEYS[1], KEYS[2]
local by, kept = ARGV[1], ARGV[2]
if redis.call('EXISTS', hash) == 0 then return -1 end
if redis.call('HEXISTS', hash, 'acknowledged_at') == 1 then return 0 end
local time = redis.call('TIME')
local at = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1e6)
redis.call('HSET', hash, 'acknowledged_at', at, 'acknowledged_by', by)
redis.call('XADD', events, 'MAXLEN', '~', kept, '*', 'type', 'alert.acknowledged',
  unpack(redis.call('HGETALL', hash)))
return 1
