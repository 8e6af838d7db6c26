-- Write down one attempt, and either end the delivery or set the time of the next; a managed endpoint that is
-- gone, or has failed for too long, is disabled. contract/outbox.lua stands before this text.
-- KEYS: the delivery, the log of attempts, the managed endpoint or nothing
-- ARGV: see gateway/webhooks/deliveries.py (settle)
local member, lease, outcome, retry_s, kept_s = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local webhook_id, url, owner, body = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local log_kept, log_ttl, patience = ARGV[10], ARGV[11], tonumber(ARGV[12])
-- Then the fields of the attempt, as the log has them.
local delivery, log, endpoint = KEYS[1], KEYS[2], KEYS[3]
local now = clock()

redis.call('XADD', log, 'MAXLEN', '~', log_kept, '*', unpack(ARGV, 13))
redis.call('EXPIRE', log, log_ttl)

local disabled = ''
if endpoint and redis.call('EXISTS', endpoint) == 1 and redis.call('HEXISTS', endpoint, 'disabled_at') == 0 then
  if outcome == 'delivered' then
    redis.call('HDEL', endpoint, 'failing_since')
  else
    redis.call('HSETNX', endpoint, 'failing_since', stamp(now))
    local known = redis.call('HMGET', endpoint, 'failing_since', 'subscriptions', 'owner', 'id')
    local is_hopeless = now - tonumber(known[1]) > patience
    if outcome == 'gone' or is_hopeless then
      disabled = outcome == 'gone' and 'gone' or 'failing'
      redis.call('HSET', endpoint, 'disabled_at', stamp(now), 'disabled_reason', disabled)
      -- Before it is told: a disabled endpoint hears nothing, not even this.
      for name in string.gmatch(known[2], '%S+') do redis.call('SREM', keys.subscribed .. name, known[4]) end
      announce(known[3], 'endpoint.disabled', known[4], stamp(now))
    end
  end
end

-- Enqueued again meanwhile, or leased by another after our lease ended: that entry is not ours to change.
local score = redis.call('ZSCORE', keys.outbox, member)
if not score or math.abs(tonumber(score) - lease) > 1e-5 then return disabled end
if retry_s == '' or disabled ~= '' then
  redis.call('ZREM', keys.outbox, member)
  redis.call('DEL', delivery)
else
  redis.call('ZADD', keys.outbox, now + tonumber(retry_s), member)
  -- What was sent is what the next attempt sends, even if its subject is forgotten by then.
  redis.call('HINCRBY', delivery, 'attempts', 1)
  redis.call('HSET', delivery, 'id', webhook_id, 'url', url, 'owner', owner, 'body', body)
  redis.call('EXPIRE', delivery, kept_s)
end
return disabled
