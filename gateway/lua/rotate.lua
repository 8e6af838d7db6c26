-- Replace a signing secret; the old one signs beside it for a while.
-- KEYS: the hash that holds it; ARGV: the new secret, seconds for which the old one signs too
local old = redis.call('HGET', KEYS[1], 'secret')
if old then
  redis.call('HSET', KEYS[1], 'old_secret', old, 'old_until', redis.call('TIME')[1] + tonumber(ARGV[2]))
end
redis.call('HSET', KEYS[1], 'secret', ARGV[1])
return ARGV[1]
