-- Admit, store and enqueue many predictions, or refuse those that find the queue full: one call, so an
-- accepted request is complete and a refused one leaves nothing behind.
-- KEYS: the set of queues, the model's doorbell, the model's backlog, the deadlines
-- ARGV: see gateway/admission.py
local prediction_prefix, job_prefix, queue_prefix, model = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, largest, today, timeout, description = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]
-- Then how many queues the model has, and their names; then nine arguments a prediction.
local lanes = tonumber(ARGV[10])

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%.6f', now)
local waiting = 0
for i = 11, 10 + lanes do waiting = waiting + redis.call('LLEN', queue_prefix .. ARGV[i]) end
-- RQ's tools can empty a queue without telling us; an empty one weighs nothing.
local size = waiting > 0 and tonumber(redis.call('HGET', KEYS[3], 'size')) or 0
local admitted, answers = {}, {}

-- How long the first in a queue has waited, which is what the next will.
local ages = {}
local function age(queue)
  if not ages[queue] then
    local head = redis.call('LINDEX', queue_prefix .. queue, 0)
    ages[queue] = now - (head and redis.call('HGET', prediction_prefix .. head, 'created_at') or now)
  end
  return ages[queue]
end

for i = 11 + lanes, #ARGV, 9 do
  local id, queue, input, data = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local webhook, metadata, weight = ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
  local deadline, trace = ARGV[i + 7], ARGV[i + 8]
  local key = prediction_prefix .. id
  -- Sent twice because the answer to the first call was lost: still one prediction.
  local created_at = redis.call('HGET', key, 'created_at')
  local has_room = waiting < most and (size + weight <= largest or waiting == 0)
  -- Whoever would wait for longer than half the time there is had better know now.
  local in_time = deadline == '' or age(queue) < tonumber(deadline) / 2
  if not created_at and has_room and in_time then
    created_at = stamp
    local record = {'v', '1', 'status', 'starting', 'attempts', '0', 'model', model, 'created_at', stamp,
      'input', input, 'webhook', webhook, 'metadata', metadata, 'size', weight}
    if trace ~= '' then
      record[#record + 1] = 'trace'
      record[#record + 1] = trace
    end
    if deadline ~= '' then
      local ends = string.format('%.6f', now + tonumber(deadline))
      record[#record + 1] = 'deadline'
      record[#record + 1] = ends
      redis.call('ZADD', KEYS[4], ends, id)
    end
    redis.call('HSET', key, unpack(record))
    redis.call('HSET', job_prefix .. id, 'status', 'queued', 'created_at', today, 'enqueued_at', today,
      'origin', queue, 'data', data, 'timeout', timeout, 'description', description)
    local ids = admitted[queue] or {}
    admitted[queue] = ids
    ids[#ids + 1] = id
    waiting, size = waiting + 1, size + weight
  end
  answers[#answers + 1] = created_at or ''
end
local has_admitted = false
for queue, ids in pairs(admitted) do
  redis.call('RPUSH', queue_prefix .. queue, unpack(ids))
  redis.call('SADD', KEYS[1], queue_prefix .. queue)
  has_admitted = true
end
if has_admitted then
  redis.call('HSET', KEYS[3], 'size', size)
  if redis.call('LLEN', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], '1') end
end
return answers
