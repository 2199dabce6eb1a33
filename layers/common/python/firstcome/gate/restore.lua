-- restore: put a rebuilt gate in the place of a lost one, all at once.
--
--   KEYS[6], KEYS[7], KEYS[8] the rebuilt applied_user, pending and released
--   KEYS[9] when it was found lost (lost.lua)
--   KEYS[10] where the secret of the turns is, for an event that has one
--   ARGV[1], ARGV[2], ARGV[3] how many members each of them must have; fewer: an eviction or an expiry took some,
--           as it may take the secret
--   ARGV[4] the time at KEYS[9] when the sources were read: in a later loss they are out of date
--   ARGV    field, value, and so on, of the event hash
--   answers RESTORED, ALIVE (the gate is not lost, or not any more: nothing is changed), or INCOMPLETE
if not lost() or redis.call('GET', KEYS[9]) ~= ARGV[4] then return 'ALIVE' end
if redis.call('HLEN', KEYS[6]) ~= tonumber(ARGV[1]) or redis.call('ZCARD', KEYS[7]) ~= tonumber(ARGV[2])
  or redis.call('ZCARD', KEYS[8]) ~= tonumber(ARGV[3]) or secret_is_gone(KEYS[10]) then
  return 'INCOMPLETE'
end
-- A write_seq that no reader of the lost gate can have seen.
write_seq = now_ms()
sizes = string.format('%d %d %d %d', write_seq, ARGV[1], ARGV[2], ARGV[3])
redis.call('HSET', EVENT, 'write_seq', write_seq, 'sizes', sizes, 'noted_ms', write_seq, unpack(ARGV, 5))
take_secret(KEYS[10])
for i = 1, 3 do
  if tonumber(ARGV[i]) > 0 then
    redis.call('RENAME', KEYS[i + 5], KEYS[i + 1])
    redis.call('PERSIST', KEYS[i + 1]) -- the rebuilt keys carry a time to live, for a builder that died
  else
    redis.call('DEL', KEYS[i + 1])
  end
end
drop_filter()
redis.call('PERSIST', EVENT)
redis.call('DEL', KEYS[9])
return 'RESTORED'
