-- KEYS: the session. Answers: its record, and when it was last used.
return redis.call('HMGET', KEYS[1], 'record', 'used')
