-- Go on receiving a batch: renew its lease, and note rows before they are admitted. Noted twice is noted once.
-- KEYS: the batch, its refused rows, the clients' ids of its rows, the leases of those being received
-- ARGV: id, seconds of the lease, rows so far, how many arguments for refused rows follow, those (row, code),
-- then the clients' ids (row, id)
-- Returns 0 if the batch was canceled, or its lease ended and somebody else gave it up.
local id, lease, total, refused = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'canceled_at') == 1 then return 0 end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[4], time[1] + lease, id)
redis.call('HSET', KEYS[1], 'total', total)
if refused > 0 then
  local added = redis.call('HSET', KEYS[2], unpack(ARGV, 5, 4 + refused))
  redis.call('HINCRBY', KEYS[1], 'failed', added)
end
if #ARGV > 4 + refused then redis.call('HSET', KEYS[3], unpack(ARGV, 5 + refused)) end
return 1
