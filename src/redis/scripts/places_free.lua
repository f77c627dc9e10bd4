-- KEYS: the places, one for each ARGV. ARGV: tokens.
for place = 1, #KEYS do redis.call('ZREM', KEYS[place], ARGV[place]) end
return 1
