-- KEYS: the session. ARGV: id, last used, how long to keep it. The time never goes back.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local used = tonumber(redis.call('HGET', KEYS[1], 'used')) or 0
if tonumber(ARGV[2]) > used then redis.call('HSET', KEYS[1], 'used', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
