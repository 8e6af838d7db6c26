-- A worker that stops gives back what it has not run: to the head of its queue, in the old order, and no suspect.
-- KEYS: the leases, the model's doorbell, the model's backlog
-- ARGV: prediction prefix, job prefix, queue prefix, started prefix, then queue, id and fence of each, oldest first
local back = 0
for i = #ARGV - 2, 5, -3 do
  local queue, id, fence = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local key, member = ARGV[1] .. id, id .. ':' .. fence
  local known = redis.call('HMGET', key, 'status', 'attempts', 'size')
  if redis.call('ZREM', KEYS[1], member) == 1 and known[1] == 'processing' and known[2] == fence then
    redis.call('ZREM', ARGV[4] .. queue, member)
    redis.call('HSET', key, 'status', 'starting')
    redis.call('HSET', ARGV[2] .. id, 'status', 'queued', 'worker_name', '')
    redis.call('LPUSH', ARGV[3] .. queue, id)
    redis.call('HINCRBY', KEYS[3], 'size', known[3] or 0)
    back = back + 1
  end
end
if back > 0 and redis.call('LLEN', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
return back
