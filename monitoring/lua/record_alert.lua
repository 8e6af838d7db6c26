-- Writes one change of an alert: its hash, its place in the list, its event and the webhooks of it, in one
-- call, so that no crash can leave one without the others. Repeating it changes nothing.
-- contract/outbox.lua stands before this text.
-- KEYS: the alert's hash, the sorted set of alerts, the stream of events.
-- ARGV: event type, id, fired_at, alerts kept, entries kept in the stream, prefix of alert hashes, whose
-- endpoints are told, then the fields of the alert as name, value, ...
local hash, alerts, events = KEYS[1], KEYS[2], KEYS[3]
local type, id, fired_at, kept, entries_kept, prefix, owner = unpack(ARGV, 1, 7)

if type == 'alert.fired' then
  if redis.call('EXISTS', hash) == 1 then return 0 end
elseif redis.call('EXISTS', hash) == 0 or redis.call('HEXISTS', hash, 'resolved_at') == 1 then
  -- Resolved before, or so old that its hash has been dropped.
  return 0
end

redis.call('HSET', hash, unpack(ARGV, 8))
redis.call('ZADD', alerts, fired_at, id)
local announced = announce(owner, type, id, stamp(clock()))
redis.call('XADD', events, 'MAXLEN', '~', entries_kept, '*', 'type', type, 'webhook', announced and '1' or '',
  unpack(ARGV, 8))

local surplus = redis.call('ZRANGE', alerts, 0, -tonumber(kept) - 1)
for _, old in ipairs(surplus) do
  redis.call('DEL', prefix .. old)
  redis.call('ZREM', alerts, old)
end
return 1
