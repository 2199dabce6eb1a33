-- mark_failed: failed rows have these tickets now, and decide what becomes of them; their holders are no longer pending.
--
--   ARGV    user_id, ticket, and so on for each row
--   answers MARKED, or UNKNOWN where the gate is lost (nothing is changed)
if lost() then return 'UNKNOWN' end
local changed = 0
for i = 1, #ARGV, 2 do
  local user, ticket = ARGV[i], tonumber(ARGV[i + 1])
  if read(redis.call('HGET', APPLIED, user)) == ticket then
    changed = changed + unmark(user)
  end
end
if changed > 0 then count_up() end
return 'MARKED'
