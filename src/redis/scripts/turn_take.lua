-- KEYS: the turn to sign in. ARGV: token, how long it holds. Asking again for what one has is no mistake: an answer may have been lost.
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
-- What has no end was not written here, and nobody would ever give it back.
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
