-- standing: what the gate knows of one person.
--
--   ARGV[1] user_id
--   answers {known, held, pending}: known is 0 where the gate is lost; held is their entry in applied_user or "";
--   pending is 0 or 1
if lost() then return {0, '', 0} end
local held = redis.call('HGET', APPLIED, ARGV[1])
return {1, held or '', redis.call('ZSCORE', PENDING, ARGV[1]) and 1 or 0}
