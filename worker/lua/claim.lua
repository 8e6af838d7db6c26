-- Pop jobs and lease them, all in one call: a job is in a queue or under a lease, never neither.
-- Higher lanes go first, and each lower one gets at least its share of what is claimed while others compete.
-- A suspect (its worker died on it) is claimed alone, by a worker that holds nothing: whatever it kills, it
-- kills by itself.
-- KEYS: the model's doorbell, the leases, the model's backlog, the outbox
-- ARGV: see worker/queue.py (claim); an empty worker key means that a stock RQ worker keeps RQ's books itself
local prediction_prefix, job_prefix, queue_prefix, started_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local worker_key, worker_name, workers_key, today = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local lease, started_ttl = tonumber(ARGV[9]), tonumber(ARGV[10])
local budget, room_for = tonumber(ARGV[11]), tonumber(ARGV[12])
local holds, named, aside = ARGV[13] == '1', ARGV[14] ~= '' and ARGV[14], ARGV[15]
local takes = tonumber(ARGV[16])
-- Then two arguments a lane, highest first: its queue, and the share that it is owed.
local lanes = {}
for i = 17, #ARGV, 2 do lanes[#lanes + 1] = {queue = ARGV[i], share = tonumber(ARGV[i + 1])} end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local stamp = string.format('%.6f', now)
local FIELDS = {'status', 'attempts', 'input', 'created_at', 'deaths', 'deadline', 'size', 'trace',
  'webhook_start'}
local claimed, leased, started, size, gone = {}, {}, {}, 0, 0
local has_suspect = false

local function lease_it(queue, id, known)
  local key = prediction_prefix .. id
  local fence = tonumber(known[2]) + 1
  local member = id .. ':' .. fence
  redis.call('HSET', key, 'status', 'processing', 'attempts', fence, 'started_at', stamp)
  leased[#leased + 1] = now + lease
  leased[#leased + 1] = member
  if worker_key ~= '' then
    redis.call('HSET', job_prefix .. id, 'status', 'started', 'started_at', today, 'worker_name', worker_name)
    -- RQ's own janitor fails what is overdue here; our lease is what decides, so it ends long before.
    local registry = started[queue] or {}
    started[queue] = registry
    registry[#registry + 1] = now + started_ttl
    registry[#registry + 1] = member
  end
  if fence == 1 and known[9] and known[9] ~= '' then redis.call('ZADD', KEYS[4], stamp, 'start ' .. id .. ' ') end
  size = size + (tonumber(known[7]) or 0)
  local waited = string.format('%.6f', now - known[4])
  claimed[#claimed + 1] = {queue, id, fence, known[3], waited, known[8] or ''}
end

-- `rq requeue` puts a failed job back: an operator asks for it to be run again, from the beginning.
local function is_requeued(id, known)
  if known[1] ~= 'failed' then return false end
  local status = redis.call('HGET', job_prefix .. id, 'status')
  return status == 'queued' or status == 'started'
end

local function reopen(id, known)
  local key = prediction_prefix .. id
  -- Its batch has counted it as ended.
  redis.call('HDEL', key, 'error', 'error_code', 'completed_at', 'deaths', 'deadline', 'batch')
  redis.call('HINCRBY', key, 'reopened', 1)
  redis.call('PERSIST', key)
  redis.call('PERSIST', job_prefix .. id)
  known[5], known[6], known[7] = false, false, '0'
end

-- Take up to `most` jobs of one lane; return how many.
local function take(queue, most)
  local taken = 0
  while taken < most and size < room_for do
    local ids = named and {named} or redis.call('LPOP', queue_prefix .. queue, most - taken)
    if not ids then break end
    for place, id in ipairs(ids) do
      local known = redis.call('HMGET', prediction_prefix .. id, unpack(FIELDS))
      if is_requeued(id, known) then
        reopen(id, known)
        known[1] = 'starting'
      end
      local is_suspect = known[5] and not named
      local is_late = known[6] and known[6] ~= '' and tonumber(known[6]) <= now + takes
      if not known[1] then
        redis.call('DEL', job_prefix .. id)  -- past its retention: nothing is left to do
      elseif known[1] == 'starting' and is_late then
        gone = gone + tonumber(known[7])  -- it cannot end in time: the gateways end it as canceled when it is due
      elseif known[1] == 'starting' then
        local fits = size < room_for and not (is_suspect and (holds or #claimed > 0))
        if fits then
          lease_it(queue, id, known)
          taken = taken + 1
        end
        has_suspect = has_suspect or is_suspect
        if is_suspect or not fits then
          for back = #ids, place + (fits and 1 or 0), -1 do
            redis.call('LPUSH', queue_prefix .. queue, ids[back])
          end
          return taken
        end
      end
    end
    if named then break end
  end
  return taken
end

local lengths, total = {}, 0
for place, lane in ipairs(lanes) do
  lengths[place] = redis.call('LLEN', queue_prefix .. lane.queue)
  total = total + lengths[place]
end

-- A suspect at the head of any lane goes before everything else.
if not holds and not named then
  for place, lane in ipairs(lanes) do
    local head = lengths[place] > 0 and redis.call('LINDEX', queue_prefix .. lane.queue, 0)
    if head and redis.call('HEXISTS', prediction_prefix .. head, 'deaths') == 1 then
      if take(lane.queue, 1) == 1 then break end
    end
  end
elseif holds then
  -- A second helping is no more than this worker's part of what waits.
  budget = math.min(budget, math.floor(total / math.max(1, redis.call('SCARD', workers_key))))
end

if not has_suspect then
  local room, owed, above = budget, {}, lengths[1]
  for place = 2, #lanes do
    owed[place] = 0
    if lengths[place] > 0 and above > 0 then
      local name = 'owed:' .. lanes[place].queue
      local credit = (tonumber(redis.call('HGET', KEYS[3], name)) or 0) + budget * lanes[place].share
      owed[place] = math.min(math.floor(credit + 1e-9), lengths[place], room)
      redis.call('HSET', KEYS[3], name, credit - owed[place])
      room = room - owed[place]
    end
    above = above + lengths[place]
  end
  for place, lane in ipairs(lanes) do
    if named or lengths[place] > 0 then
      local most = room + (owed[place] or 0)
      room = most - take(lane.queue, most)
    end
  end
end

if size + gone > 0 then redis.call('HINCRBY', KEYS[3], 'size', -size - gone) end
if #leased > 0 then redis.call('ZADD', KEYS[2], unpack(leased)) end
for queue, registry in pairs(started) do redis.call('ZADD', started_prefix .. queue, unpack(registry)) end
local left = 0
for _, lane in ipairs(lanes) do left = left + redis.call('LLEN', queue_prefix .. lane.queue) end
if worker_key ~= '' then
  if #claimed > 0 then
    redis.call('HSET', worker_key, 'state', 'busy')
  elseif not holds then
    redis.call('HSET', worker_key, 'state', 'idle')
  end
end
-- The gateway rings once for many jobs; whoever leaves some behind rings for the next worker.
local asides = redis.call('LLEN', queue_prefix .. aside)
if left + asides > 0 and redis.call('LLEN', KEYS[1]) == 0 then redis.call('RPUSH', KEYS[1], '1') end
return {left, asides, has_suspect and 1 or 0, claimed}
