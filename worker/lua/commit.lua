-- End a batch: for each prediction state, event, outbox entry and RQ's bookkeeping, and only if the fence is
-- still ours. contract/terminal.lua stands before this text.
-- KEYS: the leases
-- ARGV: see worker/queue.py (commit); an empty worker key means that a stock RQ worker keeps RQ's books itself
local registries = {started = ARGV[1], finished = ARGV[2], failed = ARGV[3]}
local worker_key, today, finished_ttl, working_s = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
local keeps_books = worker_key ~= ''
local version, inference_s, batch_size = ARGV[8], ARGV[9], ARGV[10]

local now = clock()
local released, outcome = {}, {}
-- By registry's key: what to remove from, or add to it.
local running, ended = {}, {}
local counts = {succeeded = 0, failed = 0}

local function of(lists, key)
  local list = lists[key]
  if not list then
    list = {}
    lists[key] = list
  end
  return list
end

for i = 11, #ARGV, 8 do
  local queue, id, fence, status = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local label, is_truncated, said, error_code = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7]
  local member = id .. ':' .. fence
  local known = redis.call('HMGET', keys.prediction .. id, unpack(KNOWN))
  local mine = known[1] == 'processing' and known[2] == fence
  outcome[#outcome + 1] = mine and 1 or 0
  local is_late = known[7] and known[7] ~= '' and tonumber(known[7]) <= now
  if mine and is_late then
    finish(id, now, {'status', 'canceled', 'cancel_reason', 'deadline'}, known, '')
    if keeps_books then
      redis.call('HSET', keys.job .. id, 'status', 'canceled')
      redis.call('EXPIRE', keys.job .. id, keys.retention)
    end
  elseif mine then
    local has_succeeded = status == 'succeeded'
    counts[status] = counts[status] + 1
    if has_succeeded then
      finish(id, now, {'status', status, 'version', version, 'inference_s', inference_s,
        'batch_size', batch_size, 'is_truncated', is_truncated, 'output', said}, known, label)
    else
      finish(id, now, {'status', status, 'version', version, 'inference_s', inference_s,
        'batch_size', batch_size, 'is_truncated', is_truncated, 'error', said, 'error_code', error_code}, known, '')
    end
    if keeps_books then
      if has_succeeded then
        redis.call('HSET', keys.job .. id, 'status', 'finished', 'ended_at', today)
        redis.call('EXPIRE', keys.job .. id, finished_ttl)
        local list = of(ended, registries.finished .. queue)
        list[#list + 1] = now + finished_ttl
        list[#list + 1] = id
      else
        redis.call('HSET', keys.job .. id, 'status', 'failed', 'ended_at', today, 'exc_info', said)
        redis.call('EXPIRE', keys.job .. id, keys.retention)
        local list = of(ended, registries.failed .. queue)
        list[#list + 1] = now + keys.retention
        list[#list + 1] = id
      end
    end
  end
  -- A lease that is no longer ours has another fence, so this name touches nobody else's.
  released[#released + 1] = member
  if keeps_books then
    local list = of(running, queue)
    list[#list + 1] = member
  end
end
redis.call('ZREM', KEYS[1], unpack(released))
if not keeps_books then return outcome end
for queue, members in pairs(running) do redis.call('ZREM', registries.started .. queue, unpack(members)) end
for key, members in pairs(ended) do redis.call('ZADD', key, unpack(members)) end
redis.call('HINCRBY', worker_key, 'successful_job_count', counts.succeeded)
redis.call('HINCRBY', worker_key, 'failed_job_count', counts.failed)
redis.call('HINCRBYFLOAT', worker_key, 'total_working_time', working_s)
return outcome
