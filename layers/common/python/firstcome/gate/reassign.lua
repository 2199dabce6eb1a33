-- reassign: give a person another ticket, because the ledger gave theirs to somebody else.
--
--   ARGV[1] user_id
--   ARGV[2] old ticket
--   answers {word, ticket, applied_at_ms}
--     UNKNOWN     the gate is lost (nothing is changed)
--     REFUSED     the person is refused in the gate
--     HELD        they hold this other ticket already: an earlier attempt, or a new application
--     REASSIGNED  this ticket is theirs now, and pending
--     SOLD_OUT    none is left
--
-- It takes resting tickets too: nobody else is told anything by it. The old ticket is not freed: it has a row.
if lost() then return {'UNKNOWN', 0, 0} end
local user, old = ARGV[1], tonumber(ARGV[2])
local held = redis.call('HGET', APPLIED, user)
if held == REFUSED then return {'REFUSED', 0, 0} end
local ticket, applied_at = read(held)
if ticket and ticket ~= old then return {'HELD', ticket, applied_at} end

local event = redis.call('HMGET', EVENT, 'coupon_count', 'capacity', 'filter_bits', 'given_ms')
local count = tonumber(event[1])
local new, member = take(math.huge, count, count < tonumber(event[2]), released)
if not new then return {'SOLD_OUT', 0, 0} end
local now = now_ms()
hand_out(user, new, member, now, NO_CALL, count, write_seq, event[3], sizes, event[4])
return {'REASSIGNED', new, now}
