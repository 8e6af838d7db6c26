-- End a batch: for each prediction state, event, outbox entry and RQ's bookkeeping, and only if the fence is
-- still ours. contract/terminal.lua stands before this text.
-- KEYS: the started registry, the finished registry, the failed registry, the leases
-- ARGV: see worker/queue.py (commit); an empty worker key means that a stock RQ worker keeps RQ's books itself
local keys = {prediction = ARGV[1], events = ARGV[4], outbox = ARGV[5], events_kept = ARGV[6], retention = ARGV[7]}
local job_prefix, execution_prefix = ARGV[2], ARGV[3]
local worker_key, today, finished_ttl, working_s = ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11]
local keeps_books = worker_key ~= ''
local version, inference_s, batch_size = ARGV[12], ARGV[13], ARGV[14]

local now = clock()
local fields = {'status', 'attempts', 'model', 'created_at', 'started_at', 'webhook'}
local released, executions, finished, failed, outcome = {}, {}, {}, {}, {}
for i = 15, #ARGV, 7 do
  local id, fence, status, label, output = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local member = id .. ':' .. fence
  local known = redis.call('HMGET', keys.prediction .. id, unpack(fields))
  local mine = known[1] == 'processing' and known[2] == fence
  outcome[#outcome + 1] = mine and 1 or 0
  if mine then
    local record = {'status', status, 'version', version, 'inference_s', inference_s, 'batch_size', batch_size}
    local job = {'ended_at', today}
    if status == 'succeeded' then
      record[#record + 1] = 'output'
      record[#record + 1] = output
      job[#job + 1] = 'status'
      job[#job + 1] = 'finished'
      finished[#finished + 1] = now + finished_ttl
      finished[#finished + 1] = id
    else
      for offset, name in ipairs({'error', 'error_code'}) do
        record[#record + 1] = name
        record[#record + 1] = ARGV[i + 4 + offset]
      end
      job[#job + 1] = 'status'
      job[#job + 1] = 'failed'
      job[#job + 1] = 'exc_info'
      job[#job + 1] = ARGV[i + 5]
      failed[#failed + 1] = now + keys.retention
      failed[#failed + 1] = id
    end
    finish(keys, id, now, record, {known[3], known[4], known[5], fence, known[6]}, label)
    if keeps_books then
      redis.call('HSET', job_prefix .. id, unpack(job))
      redis.call('EXPIRE', job_prefix .. id, status == 'succeeded' and finished_ttl or keys.retention)
    end
  end
  -- A lease that is no longer ours has another fence, so these names touch nobody else's.
  released[#released + 1] = member
  executions[#executions + 1] = execution_prefix .. member
end
redis.call('ZREM', KEYS[4], unpack(released))
if not keeps_books then return outcome end
redis.call('ZREM', KEYS[1], unpack(released))
redis.call('SREM', worker_key .. ':executions', unpack(released))
redis.call('DEL', unpack(executions))
if #finished > 0 then redis.call('ZADD', KEYS[2], unpack(finished)) end
if #failed > 0 then redis.call('ZADD', KEYS[3], unpack(failed)) end
redis.call('HINCRBY', worker_key, 'successful_job_count', #finished / 2)
redis.call('HINCRBY', worker_key, 'failed_job_count', #failed / 2)
redis.call('HINCRBYFLOAT', worker_key, 'total_working_time', working_s)
redis.call('HSET', worker_key, 'state', 'idle')
return outcome
