-- Drop an entry that cannot or need not be sent, unless it was enqueued again since it was leased.
-- contract/outbox.lua stands before this text. ARGV: the entry, its lease
local score = redis.call('ZSCORE', keys.outbox, ARGV[1])
if not score or math.abs(tonumber(score) - tonumber(ARGV[2])) > 1e-5 then return 0 end
redis.call('DEL', keys.delivery .. ARGV[1])
return redis.call('ZREM', keys.outbox, ARGV[1])
