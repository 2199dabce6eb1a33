-- configure: tell the gate what the ledger says of the event.
--
--   KEYS[6] where the secret of the turns is, for an event that has one
--   ARGV[1] "create": the ledger has made the event just now, so there is nothing to lose; else "update"
--   ARGV[2] config_version the ledger's; a stale caller changes nothing
--   ARGV[3] capacity
--   ARGV[4] filter bits: how large the filter of winners is to be made; 0: "sold out" is never to be remembered
--   ARGV[5] rest, ms: how long numbers that are added to a sold-out event rest before they are handed out
--   ARGV    field, value, and so on, of the rest of the event hash
--   answers CREATED, UPDATED, STALE (the gate knows this version or a newer one), INCOMPLETE (the secret is gone by now:
--   nothing is changed), or UNKNOWN (the gate is lost: only restore may make a new one, or everybody would be a
--   stranger to it)
if ARGV[1] == 'create' and redis.call('EXISTS', EVENT, APPLIED) == 0 then
  if secret_is_gone(KEYS[6]) then return 'INCOMPLETE' end
  redis.call(
    'HSET', EVENT, 'coupon_count', 0, 'write_seq', 1, 'sizes', '1 0 0 0', 'config_version', ARGV[2], 'capacity', ARGV[3],
    unpack(ARGV, 6)
  )
  redis.call('DEL', PENDING, RELEASED, WINNERS) -- what an event of this id has left behind
  take_secret(KEYS[6])
  make_filter(ARGV[4])
  return 'CREATED'
end
if lost() then return 'UNKNOWN' end
local was = redis.call('HMGET', EVENT, 'config_version', 'coupon_count', 'capacity')
if tonumber(was[1]) >= tonumber(ARGV[2]) then return 'STALE' end
if secret_is_gone(KEYS[6]) then return 'INCOMPLETE' end
redis.call('HSET', EVENT, 'config_version', ARGV[2], 'capacity', ARGV[3], unpack(ARGV, 6))
take_secret(KEYS[6])
let_added_numbers_rest(was[2], was[3], ARGV[3], ARGV[5])
count_up()
return 'UPDATED'
