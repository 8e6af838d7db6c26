-- How an event reaches its receivers: entries in the outbox, written by the same call as the event itself.
-- Prepended to every script that tells of something. `keys` stands before this text (contract/scripts.py).

-- The clock that decides: Redis' own, in seconds.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function stamp(seconds)
  return string.format('%.6f', seconds)
end

-- Managed endpoints by owner and type of event, read once a call.
local subscribed = {}

-- Write an outbox entry for each endpoint that wants this event; return whether there is one.
local function announce(owner, type, id, at)
  local name = owner .. ':' .. type
  subscribed[name] = subscribed[name] or redis.call('SMEMBERS', keys.subscribed .. name)
  for _, endpoint in ipairs(subscribed[name]) do
    redis.call('ZADD', keys.outbox, at, type .. ' ' .. id .. ' ' .. endpoint)
  end
  return #subscribed[name] > 0
end
