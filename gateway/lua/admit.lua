-- Admit, store and enqueue many predictions, or refuse those that find the queue full: one call, so an
-- accepted request is complete and a refused one leaves nothing behind.
-- KEYS: the queue's list, the set of queues, the queue's doorbell
-- ARGV: see gateway/admission.py
local prediction_prefix, job_prefix, queue = ARGV[1], ARGV[2], ARGV[3]
local limit, today, timeout, description = tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7]

local time = redis.call('TIME')
local stamp = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1e6)
local room = limit - redis.call('LLEN', KEYS[1])
local admitted, answers = {}, {}
for i = 8, #ARGV, 6 do
  local id, model, input, data = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local webhook, metadata = ARGV[i + 4], ARGV[i + 5]
  local key = prediction_prefix .. id
  -- Sent twice because the answer to the first call was lost: still one prediction.
  local created_at = redis.call('HGET', key, 'created_at')
  if not created_at and #admitted < room then
    created_at = stamp
    redis.call('HSET', key, 'v', '1', 'status', 'starting', 'attempts', '0', 'model', model,
      'created_at', stamp, 'input', input, 'webhook', webhook, 'metadata', metadata)
    redis.call('HSET', job_prefix .. id, 'status', 'queued', 'created_at', today, 'enqueued_at', today,
      'origin', queue, 'data', data, 'timeout', timeout, 'description', description)
    admitted[#admitted + 1] = id
  end
  answers[#answers + 1] = created_at or ''
end
if #admitted > 0 then
  redis.call('RPUSH', KEYS[1], unpack(admitted))
  redis.call('SADD', KEYS[2], KEYS[1])
  if redis.call('LLEN', KEYS[3]) == 0 then redis.call('RPUSH', KEYS[3], '1') end
end
return answers
