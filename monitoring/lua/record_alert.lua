-- Writes one change of an alert: its hash, its place in the list, its event and the webhooks of it, in one
-- call, so that no crash can leave one without the others. Repeating it changes nothing.
-- contract/outbox.lua stands before this text.
-- KEYS: the alert's hash, the sorted set of alerts, the stream of events, the silences.
-- ARGV: event type, id, fired_at, alerts kept, entries kept in the stream, prefix of alert hashes, whose
-- endpoints are told, rule, rule and subject, then the fields of the alert as name, value, ...
local hash, alerts, events, silences = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local type, id, fired_at, kept, entries_kept, prefix, owner, rule, place = unpack(ARGV, 1, 9)

if type == 'alert.fired' then
  if redis.call('EXISTS', hash) == 1 then return 0 end
elseif redis.call('EXISTS', hash) == 0 or redis.call('HEXISTS', hash, 'resolved_at') == 1 then
  -- Resolved before, or so old that its hash has been dropped.
  return 0
end

redis.call('HSET', hash, unpack(ARGV, 10))
redis.call('ZADD', alerts, fired_at, id)
if type == 'alert.fired' then
  -- Who asked for silence is not told of what fires meanwhile, and not of its end either.
  local ends = redis.call('HMGET', silences, rule, place)
  local silenced_until = math.max(tonumber(ends[1] or 0), tonumber(ends[2] or 0))
  if silenced_until > clock() then redis.call('HSET', hash, 'silenced_until', stamp(silenced_until)) end
end
local is_silenced = redis.call('HEXISTS', hash, 'silenced_until') == 1
local announced = not is_silenced and announce(owner, type, id, stamp(clock()))
-- As it lies there now: who acknowledged it, and until when it is silenced, is known only here.
redis.call('XADD', events, 'MAXLEN', '~', entries_kept, '*', 'type', type, 'webhook', announced and '1' or '',
  unpack(redis.call('HGETALL', hash)))

local surplus = redis.call('ZRANGE', alerts, 0, -tonumber(kept) - 1)
for _, old in ipairs(surplus) do
  redis.call('DEL', prefix .. old)
  redis.call('ZREM', alerts, old)
end
return 1
