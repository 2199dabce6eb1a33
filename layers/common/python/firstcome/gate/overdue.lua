-- overdue: the tickets that have been pending for too long, the oldest first.
--
--   ARGV[1] overdue, ms: how old a pending mark must be
--   ARGV[2] not after, ms: only tickets accepted before this time (the oldest unread record explains the others)
--   ARGV[3] at most this many
--   answers user_id, held, and so on; nothing where the gate is lost
if lost() then return {} end
local before = math.min(now_ms() - tonumber(ARGV[1]), tonumber(ARGV[2]) - 1)
local answer = {}
for _, user in ipairs(redis.call('ZRANGE', PENDING, '-inf', before, 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  answer[#answer + 1] = user
  answer[#answer + 1] = redis.call('HGET', APPLIED, user) or ''
end
return answer
