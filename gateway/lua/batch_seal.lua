-- All rows of a batch are in. contract/terminal.lua stands before this text. Sealed twice is sealed once.
-- KEYS: the batch, the leases of those being received, the idempotency key
-- ARGV: id, fingerprint or '', retention
-- Returns 0 if the batch was canceled meanwhile.
local id, fingerprint = ARGV[1], ARGV[2]

if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'canceled_at') == 1 then return 0 end
if redis.call('HEXISTS', KEYS[1], 'sealed_at') == 0 then
  local now = clock()
  redis.call('HSET', KEYS[1], 'sealed_at', stamp(now))
  redis.call('ZREM', KEYS[2], id)
  if fingerprint ~= '' then redis.call('SET', KEYS[3], fingerprint .. ' ' .. id, 'EX', 2 * ARGV[3]) end
  leave_batch(id, now)
end
return 1
