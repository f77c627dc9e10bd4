-- KEYS: the session. ARGV: format, id, record, last used, how long to keep it. A record of a newer format is left as it is.
local format = tonumber(redis.call('HGET', KEYS[1], 'format')) or 0
if format > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'format', ARGV[1], 'id', ARGV[2], 'record', ARGV[3], 'used', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
