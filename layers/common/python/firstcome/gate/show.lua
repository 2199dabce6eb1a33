-- show: what the gate knows of the event.
--
--   answers {now_ms, free tickets, pending people, oldest pending applied_at_ms or 0, field, value, …}, or {} where
--   the gate is lost
if lost() then return {} end
local oldest = redis.call('ZRANGE', PENDING, 0, 0, 'WITHSCORES')
local answer = {now_ms(), redis.call('ZCARD', RELEASED), redis.call('ZCARD', PENDING), tonumber(oldest[2]) or 0}
for _, word in ipairs(redis.call('HGETALL', EVENT)) do answer[#answer + 1] = word end
return answer
