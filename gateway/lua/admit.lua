-- Admit, store and enqueue many predictions, or refuse those that find the queue full: one call, so an
-- accepted request is complete and a refused one leaves nothing behind.
-- KEYS: the set of queues, the model's doorbell, the model's backlog, the deadlines, the owners
-- ARGV: see gateway/admission.py
local prediction_prefix, job_prefix, queue_prefix, created_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local idempotency_prefix, quota_prefix, batch_prefix = ARGV[5], ARGV[6], ARGV[7]
local model, most, largest, today = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local timeout, description, retention, quota_window = ARGV[12], ARGV[13], tonumber(ARGV[14]), tonumber(ARGV[15])
-- Then how many queues the model has, and their names; then so many arguments a prediction.
local lanes, EACH = tonumber(ARGV[16]), 16

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%.6f', now)
local waiting = 0
for i = 17, 16 + lanes do waiting = waiting + redis.call('LLEN', queue_prefix .. ARGV[i]) end
-- RQ's tools can empty a queue without telling us; an empty one weighs nothing.
local size = waiting > 0 and tonumber(redis.call('HGET', KEYS[3], 'size')) or 0
local admitted, answers, owners = {}, {}, {}

-- How long the first in a queue has waited, which is what the next will.
local ages = {}
local function age(queue)
  if not ages[queue] then
    local head = redis.call('LINDEX', queue_prefix .. queue, 0)
    ages[queue] = now - (head and redis.call('HGET', prediction_prefix .. head, 'created_at') or now)
  end
  return ages[queue]
end

-- Count one against an owner's quota; return what is left of it (below 0: nothing was) and the seconds to the next.
local minute = math.floor(now / quota_window)
local function spend(owner, quota)
  local key = quota_prefix .. owner .. ':' .. minute
  local spent = redis.call('INCR', key)
  if spent == 1 then redis.call('EXPIRE', key, quota_window * 2) end
  if spent > quota then redis.call('DECR', key) end
  return quota - spent, math.ceil((minute + 1) * quota_window - now)
end

for i = 17 + lanes, #ARGV, EACH do
  local id, queue, input, data = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local webhook, metadata, weight = ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
  local deadline, trace, owner, batch = ARGV[i + 7], ARGV[i + 8], ARGV[i + 9], ARGV[i + 10]
  local idempotency, fingerprint, quota = ARGV[i + 11], ARGV[i + 12], ARGV[i + 13]
  local webhook_if, webhook_start = ARGV[i + 14], ARGV[i + 15]
  local key = prediction_prefix .. id
  local answer, has_quota, left, resets = '', quota ~= '', 0, 0
  local created_at = redis.call('HGET', key, 'created_at')
  local held = idempotency ~= '' and redis.call('GET', idempotency_prefix .. idempotency)
  -- A key lives as long as the result that it stands for.
  if held and redis.call('EXISTS', prediction_prefix .. string.match(held, ' (.*)$')) == 0 then held = false end
  if held then
    answer = 'held ' .. held
  elseif created_at then
    -- Sent twice because the answer to the first call was lost: still one prediction. A client's own id is
    -- told apart by its fingerprint: without one to compare it is somebody else's.
    answer = idempotency == '' and created_at or 'taken'
  elseif not (waiting < most and (size + weight <= largest or waiting == 0)) then
    answer = ''
  elseif deadline ~= '' and age(queue) >= tonumber(deadline) / 2 then
    -- Whoever would wait for longer than half the time there is had better know now.
    answer = ''
  else
    if has_quota then left, resets = spend(owner, tonumber(quota)) end
    if left < 0 then
      answer = 'spent ' .. resets .. ' ' .. quota
    else
      answer = has_quota and stamp .. ' ' .. left .. ' ' .. resets or stamp
      local record = {'v', '1', 'status', 'starting', 'attempts', '0', 'model', model, 'created_at', stamp,
        'input', input, 'webhook', webhook, 'metadata', metadata, 'size', weight, 'owner', owner}
      if trace ~= '' then
        record[#record + 1] = 'trace'
        record[#record + 1] = trace
      end
      if webhook_if ~= '' then
        record[#record + 1] = 'webhook_if'
        record[#record + 1] = webhook_if
      end
      if webhook_start ~= '' then
        record[#record + 1] = 'webhook_start'
        record[#record + 1] = webhook_start
      end
      if deadline ~= '' then
        local ends = string.format('%.6f', now + tonumber(deadline))
        record[#record + 1] = 'deadline'
        record[#record + 1] = ends
        redis.call('ZADD', KEYS[4], ends, id)
      end
      if batch ~= '' then
        record[#record + 1] = 'batch'
        record[#record + 1] = batch
        redis.call('HINCRBY', batch_prefix .. batch, 'open', 1)
      end
      -- What is older than any result needs no place in the list.
      local oldest = string.format('%d', (now - 2 * retention) * 1000)
      redis.call('XADD', created_prefix .. owner, 'MINID', '~', oldest, '*', 'id', id)
      owners[owner] = true
      if idempotency ~= '' then
        redis.call('SET', idempotency_prefix .. idempotency, fingerprint .. ' ' .. id, 'EX', 2 * retention)
      end
      redis.call('HSET', key, unpack(record))
      redis.call('HSET', job_prefix .. id, 'status', 'queued', 'created_at', today, 'enqueued_at', today,
        'origin', queue, 'data', data, 'timeout', timeout, 'description', description)
      local ids = admitted[queue] or {}
      admitted[queue] = ids
      ids[#ids + 1] = id
      waiting, size = waiting + 1, size + weight
    end
  end
  answers[#answers + 1] = answer
end
for owner in pairs(owners) do redis.call('SADD', KEYS[5], owner) end
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
