-- Write down what a text really says, and tell it to whoever reads the events: one call, so neither is without
-- the other. The same label again changes nothing, so feedback that is sent twice counts once.
-- KEYS: the prediction, the events
-- ARGV: id, the true label, its source, the label that was predicted, the most events kept
local id, truth, source, predicted, kept = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local known = redis.call('HMGET', KEYS[1], 'status', 'feedback', 'model', 'version', 'owner')
-- It was read before this call; what is forgotten since stays so.
if known[1] ~= 'succeeded' or known[2] == truth then return 0 end
local time = redis.call('TIME')
local at = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1e6)
redis.call('HSET', KEYS[1], 'feedback', truth, 'feedback_source', source, 'feedback_at', at)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', kept, '*', 'v', '1', 'type', 'prediction.feedback', 'id', id,
  'model', known[3], 'version', known[4] or '', 'label', predicted, 'truth', truth, 'owner', known[5] or '',
  'source', source)
return 1
