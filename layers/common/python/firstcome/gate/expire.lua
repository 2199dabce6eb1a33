-- expire: let all keys of an ended and settled event go together.
--
--   ARGV[1] when, ms since the epoch
--   answers EXPIRING, LIVE (the event has not ended), PENDING (a ticket waits for its row), or UNKNOWN
--
-- Half a gate is worse than none: no key of a live event ever has a time to live, and here all get the same.
if lost() then return 'UNKNOWN' end
if redis.call('HGET', EVENT, 'state') ~= 'ended' then return 'LIVE' end
if redis.call('EXISTS', PENDING) == 1 then return 'PENDING' end
for _, key in ipairs(KEYS) do redis.call('PEXPIREAT', key, ARGV[1]) end
return 'EXPIRING'
