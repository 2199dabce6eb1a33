-- release: give a person's ticket back to the pool; they hold something else instead.
--
--   ARGV[1] user_id
--   ARGV[2] ticket that is given back; 0: none, only `refused` is to be noted
--   ARGV[3] what they hold instead: "refused", or "<ticket> <applied_at_ms> -", the ticket of their coupon row
--   ARGV[4] 1: the ticket has a row of somebody else, so it is not free
--   ARGV[5] rest, ms: how long the ticket rests before it is handed out
--   answers RELEASED, UNKNOWN where the gate is lost, or STALE where the ticket is not theirs (nothing is changed)
if lost() then return 'UNKNOWN' end
local user, ticket, instead, has_row, rest = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
local held = redis.call('HGET', APPLIED, user)
if held and read(held) ~= ticket then return 'STALE' end
if not held and instead ~= REFUSED then return 'STALE' end

put(user, instead)
unmark(user)
if not held then note(user) end
if held and not has_row then free(ticket, now_ms() + rest) end
count_up()
return 'RELEASED'
