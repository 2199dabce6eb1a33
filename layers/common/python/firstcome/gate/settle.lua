-- settle: the ledger has these rows; their holders are no longer pending.
--
--   ARGV    "<ticket> <applied_at_ms> <user_id>" for each row: one argument costs a client a third of three
--   answers SETTLED, or UNKNOWN where the gate is lost (nothing is changed)
--
-- A person whom the gate does not know (a failover forgot them) becomes a winner with this ticket. A person who
-- holds another ticket is left alone: that is release's business.
if lost() then return 'UNKNOWN' end
local AT_A_TIME = 1000 -- of one command's arguments: Lua's stack holds some thousands
local changed, learned = 0, {}
for first = 1, #ARGV, AT_A_TIME do
  local rows, people, settled = {}, {}, {}
  for i = first, math.min(first + AT_A_TIME - 1, #ARGV) do
    local ticket, applied_at, user = read(ARGV[i])
    rows[#rows + 1] = {ticket, applied_at}
    people[#people + 1] = user
  end
  local held = redis.call('HMGET', APPLIED, unpack(people))
  for i, user in ipairs(people) do
    local ticket, applied_at = rows[i][1], rows[i][2]
    if not held[i] and not learned[user] then -- a batch may have a record twice
      learn(user, ticket, applied_at)
      learned[user] = true
      changed = changed + 1
    elseif held[i] and read(held[i]) == ticket then
      settled[#settled + 1] = user
    end
  end
  if #settled > 0 then changed = changed + unmark(unpack(settled)) end
end
if changed > 0 then count_up() end
return 'SETTLED'
