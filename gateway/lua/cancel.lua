-- End a prediction as canceled unless it has ended already. contract/terminal.lua stands before this text.
-- Its id may stay in the queue: claim passes over what is terminal. A worker that holds it finds its fence void.
-- ARGV: prediction prefix, job prefix, events, outbox, events kept, retention, id, reason
local keys = {prediction = ARGV[1], events = ARGV[3], outbox = ARGV[4], events_kept = ARGV[5], retention = ARGV[6]}
local id = ARGV[7]
local known = redis.call('HMGET', keys.prediction .. id,
  'status', 'model', 'created_at', 'started_at', 'attempts', 'webhook')
if known[1] ~= 'starting' and known[1] ~= 'processing' then return 0 end
finish(keys, id, clock(), {'status', 'canceled', 'cancel_reason', ARGV[8]},
  {known[2], known[3], known[4], known[5], known[6]}, '')
redis.call('HSET', ARGV[2] .. id, 'status', 'canceled')
redis.call('EXPIRE', ARGV[2] .. id, keys.retention)
return 1
