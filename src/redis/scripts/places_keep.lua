-- KEYS: the places, one for each ARGV after the first. ARGV: how long a place holds; tokens. What had run out is not taken anew.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for place = 1, #KEYS do
  redis.call('ZADD', KEYS[place], 'XX', now + tonumber(ARGV[1]), ARGV[place + 1])
  redis.call('PEXPIRE', KEYS[place], ARGV[1])
end
return 1
