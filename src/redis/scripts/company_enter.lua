-- KEYS: who runs, in which company, who waits, until when each who waits is believed in. ARGV: token, company, how long a lease holds,
-- how long one who waits is believed in. Answers 1 where the lease was given.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me = ARGV[2] .. '|' .. ARGV[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do
  redis.call('ZREM', KEYS[3], gone)
  redis.call('ZREM', KEYS[4], gone)
end
local free = redis.call('ZCARD', KEYS[1]) == 0 or redis.call('GET', KEYS[2]) == ARGV[2]
if free then
  -- Nobody who came earlier for another company is overtaken.
  for _, other in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if other == me then break end
    if string.match(other, '^[^|]*') ~= ARGV[2] then
      free = false
      break
    end
  end
end
if free then
  redis.call('ZREM', KEYS[3], me)
  redis.call('ZREM', KEYS[4], me)
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end
redis.call('ZADD', KEYS[3], 'NX', string.format('%.0f', time[1] * 1000000 + time[2]), me)
redis.call('ZADD', KEYS[4], now + tonumber(ARGV[4]), me)
redis.call('PEXPIRE', KEYS[3], ARGV[4])
redis.call('PEXPIRE', KEYS[4], ARGV[4])
return 0
