-- Pop jobs in order and lease them, all in one call: a job is in the queue or under a lease, never neither.
-- KEYS: the queue's list, its started registry, its doorbell, the leases
-- ARGV: see worker/queue.py (claim); an empty worker key means that a stock RQ worker keeps RQ's books itself
local prediction_prefix, job_prefix, execution_prefix = ARGV[1], ARGV[2], ARGV[3]
local worker_key, worker_name, today = ARGV[4], ARGV[5], ARGV[6]
local budget, lease, started_ttl = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

-- A stock RQ worker has popped its one job itself and names it.
local ids
if ARGV[10] then
  ids = {ARGV[10]}
else
  ids = redis.call('LPOP', KEYS[1], budget)
end
if not ids then return {} end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%.6f', now)
local claimed, leased, started, executing = {}, {}, {}, {}
for _, id in ipairs(ids) do
  local key = prediction_prefix .. id
  local known = redis.call('HMGET', key, 'status', 'attempts', 'input')
  if known[1] == 'starting' then
    local fence = tonumber(known[2]) + 1
    local member = id .. ':' .. fence
    redis.call('HSET', key, 'status', 'processing', 'attempts', fence, 'started_at', stamp)
    leased[#leased + 1] = now + lease
    leased[#leased + 1] = member
    if worker_key ~= '' then
      redis.call('HSET', job_prefix .. id, 'status', 'started', 'started_at', today, 'worker_name', worker_name)
      redis.call('HSET', execution_prefix .. member, 'id', fence, 'job_id', id, 'created_at', stamp,
        'last_heartbeat', stamp, 'worker_name', worker_name)
      redis.call('EXPIRE', execution_prefix .. member, started_ttl)
      -- RQ's own janitor fails what is overdue here; our lease is what decides, so it ends long before.
      started[#started + 1] = now + started_ttl
      started[#started + 1] = member
      executing[#executing + 1] = member
    end
    claimed[#claimed + 1] = {id, fence, known[3]}
  elseif known[1] ~= 'processing' then
    -- Canceled while it waited, or past its retention: nothing is left to do.
    redis.call('DEL', job_prefix .. id)
  end
end
if #leased > 0 then redis.call('ZADD', KEYS[4], unpack(leased)) end
if #executing > 0 then
  redis.call('ZADD', KEYS[2], unpack(started))
  redis.call('SADD', worker_key .. ':executions', unpack(executing))
  redis.call('HSET', worker_key, 'state', 'busy')
end
-- The gateway rings once for many jobs; whoever leaves some behind rings for the next worker.
if redis.call('LLEN', KEYS[1]) > 0 and redis.call('LLEN', KEYS[3]) == 0 then
  redis.call('RPUSH', KEYS[3], '1')
end
return claimed
