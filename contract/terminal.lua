-- The one place where a prediction becomes terminal, shared by commit and reap (worker) and cancel
-- (gateway). Prepended to their scripts. State, event and outbox entry are written in one call, so no
-- crash can leave one without the other.

-- The clock that decides: Redis' own, in seconds.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function stamp(seconds)
  return string.format('%.6f', seconds)
end

-- What an end needs to know of the record.
local KNOWN = {'status', 'attempts', 'model', 'created_at', 'started_at', 'webhook', 'deadline'}

-- `record` is the flat field list of what this end adds, status first: output, error, ...
-- `known` are the values of KNOWN as read from the hash.
local function finish(keys, id, now, record, known, label)
  local key = keys.prediction .. id
  local completed_at = stamp(now)
  local receiver = known[6] and known[6] ~= ''
  redis.call('HSET', key, 'completed_at', completed_at, unpack(record))
  redis.call('EXPIRE', key, keys.retention)
  redis.call('XADD', keys.events, 'MAXLEN', '~', keys.events_kept, '*',
    'v', '1', 'type', 'prediction.' .. record[2], 'id', id, 'model', known[3], 'created_at', known[4],
    'started_at', known[5] or '', 'attempts', known[2] or '0', 'completed_at', completed_at,
    'label', label, 'webhook', receiver and '1' or '', unpack(record))
  if receiver then redis.call('ZADD', keys.outbox, completed_at, id) end
  if known[7] and known[7] ~= '' then redis.call('ZREM', keys.deadlines, id) end
end
