-- delivered: the record of a person's ticket is in the stream, so they may be told "accepted" whenever they ask again.
--
--   ARGV[1] user_id
--   ARGV[2] ticket
--   answers NOTED, UNKNOWN where the gate is lost, or STALE where they hold another ticket by now (nothing is changed)
--
-- No member comes or goes, so nothing is counted.
local event = redis.call('HMGET', EVENT, 'coupon_count', 'sizes')
if not event[1] or is_lost(event[2]) then return 'UNKNOWN' end
local ticket, applied_at = read(redis.call('HGET', APPLIED, ARGV[1]))
if ticket ~= tonumber(ARGV[2]) then return 'STALE' end
redis.call('HSET', APPLIED, ARGV[1], string.format(ENTRY, ticket, applied_at, DELIVERED))
return 'NOTED'
