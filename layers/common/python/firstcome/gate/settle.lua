-- settle: the ledger has these rows; their holders are no longer pending.
--
--   ARGV    up to 1,000 rows each, a line a row: "<ticket> <applied_at_ms> <user_id>". An argument a row costs client and
--           server twice as much; more rows are more than Lua's stack holds as one command's arguments
--   answers SETTLED, or UNKNOWN where the gate is lost (nothing is changed)
--
-- A person whom the gate does not know (a failover forgot them) becomes a winner with this ticket. A person who
-- holds another ticket is left alone: that is release's business.
if lost() then return 'UNKNOWN' end
local changed, learned = 0, {}
for _, lines in ipairs(ARGV) do
  local tickets, times, people, settled = {}, {}, {}, {}
  for ticket, applied_at, user in string.gmatch(lines, '(%d+) (%d+) (%S+)') do
    local n = #people + 1
    tickets[n], times[n], people[n] = ticket, applied_at, user
  end
  local held = redis.call('HMGET', APPLIED, unpack(people))
  for n, user in ipairs(people) do
    if not held[n] and not learned[user] then -- a batch may have a record twice
      learn(user, tonumber(tickets[n]), tonumber(times[n]))
      learned[user] = true
      changed = changed + 1
    elseif held[n] and string.find(held[n], tickets[n] .. ' ', 1, true) == 1 then -- as ENTRY begins
      settled[#settled + 1] = user
    end
  end
  if #settled > 0 then changed = changed + unmark(unpack(settled)) end
end
if changed > 0 then count_up() end
return 'SETTLED'
