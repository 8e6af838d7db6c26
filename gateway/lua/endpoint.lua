-- Create, change or delete a managed endpoint, with the sets of those that are subscribed.
-- contract/outbox.lua stands before this text.
-- KEYS: the endpoint, the endpoints of its owner
-- ARGV: id, owner, what to do, how many an owner may have, '1' to enable, '0' to disable or '', then fields and
-- values; an empty value removes the field
-- Returns '', or why not: 'unknown', 'many'.
local id, owner, act, most, enabled = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local known = redis.call('HMGET', KEYS[1], 'owner', 'subscriptions')
if act == 'create' then
  if redis.call('ZCARD', KEYS[2]) >= most then return 'many' end
elseif known[1] ~= owner then
  return 'unknown'
end
for name in string.gmatch(known[2] or '', '%S+') do redis.call('SREM', keys.subscribed .. name, id) end
if act == 'delete' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], id)
  return ''
end

local now = stamp(clock())
if act == 'create' then
  redis.call('HSET', KEYS[1], 'id', id, 'owner', owner, 'created_at', now)
  redis.call('ZADD', KEYS[2], now, id)
end
for i = 6, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if enabled == '0' and redis.call('HEXISTS', KEYS[1], 'disabled_at') == 0 then
  redis.call('HSET', KEYS[1], 'disabled_at', now, 'disabled_reason', 'owner')
elseif enabled == '1' then
  redis.call('HDEL', KEYS[1], 'disabled_at', 'disabled_reason', 'failing_since')
end
if redis.call('HEXISTS', KEYS[1], 'disabled_at') == 0 then
  local wanted = redis.call('HGET', KEYS[1], 'subscriptions') or ''
  for name in string.gmatch(wanted, '%S+') do redis.call('SADD', keys.subscribed .. name, id) end
end
return ''
