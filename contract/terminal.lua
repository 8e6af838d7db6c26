-- The one place where a prediction becomes terminal, shared by commit and reap (worker) and cancel
-- (gateway). Prepended to their scripts. State, event and outbox entries are written in one call, so no
-- crash can leave one without the others. contract/outbox.lua stands before this text.

-- What an end needs to know of the record.
local KNOWN = {'status', 'attempts', 'model', 'created_at', 'started_at', 'webhook', 'deadline', 'owner', 'batch', 'size'}

-- An absent field and an empty one are the same.
local function given(value)
  return value and value ~= '' and value or nil
end

-- A batch and what lies beside it go together.
local function expire_batch(key)
  for _, name in ipairs({key, key .. ':refused', key .. ':ids'}) do redis.call('EXPIRE', name, keys.retention) end
end

-- One less of a batch is open; the last one ends it.
local function leave_batch(id, now)
  local key = keys.batch .. id
  if redis.call('EXISTS', key) == 0 or redis.call('HINCRBY', key, 'open', -1) > 0 then return end
  local at = stamp(now)
  local batch = redis.call('HMGET', key, 'owner', 'webhook')
  local owner, receiver = batch[1] or '', given(batch[2])
  redis.call('HSET', key, 'completed_at', at)
  expire_batch(key)
  if receiver then redis.call('ZADD', keys.outbox, at, 'batch.completed ' .. id .. ' ') end
  local announced = announce(owner, 'batch.completed', id, at)
  redis.call('XADD', keys.events, 'MAXLEN', '~', keys.events_kept, '*', 'v', '1', 'type', 'batch.completed',
    'id', id, 'owner', owner, 'completed_at', at, 'webhook', (receiver or announced) and '1' or '')
end

-- `record` is the flat field list of what this end adds, status first: output, error, ...
-- `known` are the values of KNOWN as read from the hash.
local function finish(id, now, record, known, label)
  local key = keys.prediction .. id
  local completed_at, status, owner, batch = stamp(now), record[2], known[8] or '', given(known[9])
  local receiver = given(known[6])
  redis.call('HSET', key, 'completed_at', completed_at, unpack(record))
  redis.call('EXPIRE', key, keys.retention)
  if receiver then redis.call('ZADD', keys.outbox, completed_at, id) end
  local announced = announce(owner, 'prediction.' .. status, id, completed_at)
  redis.call('XADD', keys.events, 'MAXLEN', '~', keys.events_kept, '*',
    'v', '1', 'type', 'prediction.' .. status, 'id', id, 'model', known[3], 'created_at', known[4],
    'started_at', known[5] or '', 'attempts', known[2] or '0', 'completed_at', completed_at, 'owner', owner,
    'size', known[10] or '', 'batch', batch or '', 'label', label, 'webhook', (receiver or announced) and '1' or '', unpack(record))
  if given(known[7]) then redis.call('ZREM', keys.deadlines, id) end
  if batch then
    redis.call('HINCRBY', keys.batch .. batch, status, 1)
    leave_batch(batch, now)
  end
end
