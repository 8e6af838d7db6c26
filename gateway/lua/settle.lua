-- Write down one attempt, and either end the delivery or set the time of the next.
-- KEYS: the outbox, the delivery, the prediction
-- ARGV: id, what the receiver said, seconds until the next attempt ('' for none), retention
redis.call('HINCRBY', KEYS[2], 'attempts', 1)
redis.call('HSET', KEYS[2], 'last', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[4])
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], tonumber(time[1]) + tonumber(ARGV[3]), ARGV[1])
  -- The record is what the next attempt sends: it must outlive the wait.
  redis.call('EXPIRE', KEYS[3], ARGV[4])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
