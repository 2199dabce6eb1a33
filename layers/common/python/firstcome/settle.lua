-- settle: the ledger has these rows; their holders are no longer pending.
--
--   ARGV    "<ticket> <applied_at_ms> <user_id>" for each row: one argument costs a client a third of three
--   answers SETTLED, or UNKNOWN where the gate is lost (nothing is changed)
--
-- A person whom the gate does not know (a failover forgot them) becomes a winner with this ticket. A person who
-- holds another ticket is left alone: that is release's business.
if fenced() then return 'UNKNOWN' end
local changed = 0
for _, row in ipairs(ARGV) do
  local ticket, applied_at, user = read(row)
  local held = redis.call('HGET', APPLIED, user)
  if not held then
    learn(user, ticket, applied_at)
    changed = changed + 1
  elseif read(held) == ticket then
    changed = changed + redis.call('ZREM', PENDING, user)
  end
end
if changed > 0 then redis.call('HINCRBY', EVENT, 'rev', 1) end
return 'SETTLED'
