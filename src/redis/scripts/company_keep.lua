-- KEYS: as in company_enter. ARGV: token, how long a lease holds. Answers 0 where the lease is lost, 1 where it holds, 2 where it
-- holds and another company is waited for.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local until_ = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]))
if not until_ or until_ <= now then return 0 end
redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local at = redis.call('GET', KEYS[2])
for _, other in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local believed = tonumber(redis.call('ZSCORE', KEYS[4], other))
  if believed and believed > now and string.match(other, '^[^|]*') ~= at then return 2 end
end
return 1
