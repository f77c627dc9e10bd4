-- KEYS: for each claim, its count and the vendor's word that it is closed. ARGV: token, how long a place holds, what a wait for a
-- place is; then for each claim: kind, most, window. Answers the milliseconds to wait and for which claim, counted from 1; 0 and 0 where
-- everything was taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token, hold, pause = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local wait, wanting = 0, 0
for claim = 1, #KEYS / 2 do
  local key, closed = KEYS[2 * claim - 1], KEYS[2 * claim]
  local kind, most, per = ARGV[3 * claim + 1], tonumber(ARGV[3 * claim + 2]), tonumber(ARGV[3 * claim + 3])
  local before = wait
  wait = math.max(wait, redis.call('PTTL', closed))
  if kind == 'places' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    if redis.call('ZCARD', key) >= most and not redis.call('ZSCORE', key, token) then wait = math.max(wait, pause) end
  elseif kind == 'slide' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - per)
    if redis.call('ZCARD', key) >= most then
      local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
      wait = math.max(wait, oldest[2] and oldest[2] + per - now or pause, 1)
    end
  else
    local count = redis.call('GET', key)
    if count and not tonumber(count) then return redis.error_reply('WRONGTYPE a count is no number') end
    if count and tonumber(count) >= most then wait = math.max(wait, per - now % per) end
  end
  if wait > before then wanting = claim end
end
if wait > 0 then return {math.ceil(wait), wanting} end
for claim = 1, #KEYS / 2 do
  local key = KEYS[2 * claim - 1]
  local kind, per = ARGV[3 * claim + 1], tonumber(ARGV[3 * claim + 3])
  if kind == 'places' then
    redis.call('ZADD', key, now + hold, token)
    redis.call('PEXPIRE', key, hold)
  elseif kind == 'slide' then
    redis.call('ZADD', key, now, token)
    redis.call('PEXPIRE', key, per)
  else
    redis.call('INCR', key)
    redis.call('PEXPIREAT', key, now - now % per + per)
  end
end
return {0, 0}
