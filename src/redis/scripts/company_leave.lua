-- KEYS: as in company_enter. ARGV: token, company.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[2] .. '|' .. ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[2] .. '|' .. ARGV[1])
return 1
