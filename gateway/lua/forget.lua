-- Forget the oldest of what one owner created: what ended a while ago and has no webhook left to deliver.
-- KEYS: the owner's stream, the outbox
-- ARGV: the prefixes of predictions, jobs and deliveries, where to begin, the most to look at, the seconds for
-- which a result is kept in any case, and those that it has left when it ends
-- Returns how many are forgotten, and the last entry looked at; nothing when the rest is young.
local prediction_prefix, job_prefix, delivery_prefix = ARGV[1], ARGV[2], ARGV[3]
local begin, most, youngest, retention = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])

local old = string.format('%d', (redis.call('TIME')[1] - youngest) * 1000)
local entries = redis.call('XRANGE', KEYS[1], begin, old, 'COUNT', most)
local forgotten = {}
for _, entry in ipairs(entries) do
  local id = entry[2][2]
  -- -2: it is gone already; -1: it has not ended.
  local left = redis.call('TTL', prediction_prefix .. id)
  local is_old = left >= 0 and left <= retention - youngest
  if left == -2 or (is_old and not redis.call('ZSCORE', KEYS[2], id)) then
    redis.call('DEL', prediction_prefix .. id, job_prefix .. id, delivery_prefix .. id)
    forgotten[#forgotten + 1] = entry[1]
  end
end
if #forgotten > 0 then redis.call('XDEL', KEYS[1], unpack(forgotten)) end
return {#forgotten, #entries > 0 and entries[#entries][1] or ''}
