-- people: what the gate holds of some people, of each as it is at one moment.
--
--   ARGV[i] user_id
--   answers {1, held, pending since, …}: of each, in their order, the entry in applied_user or "", and the applied_at_ms
--   of the mark or 0; {0} where the gate is lost
if lost() then return {0} end
local answer = {1}
for _, user in ipairs(ARGV) do
  answer[#answer + 1] = redis.call('HGET', APPLIED, user) or ''
  answer[#answer + 1] = tonumber(redis.call('ZSCORE', PENDING, user) or 0)
end
return answer
