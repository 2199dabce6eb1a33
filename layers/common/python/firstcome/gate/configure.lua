-- configure: tell the gate what the ledger says of the event.
--
--   ARGV[1] "create": the ledger has made the event just now, so there is nothing to lose; else "update"
--   ARGV[2] config_version the ledger's; a stale caller changes nothing
--   ARGV[3] capacity
--   ARGV[4] filter bits: how large the filter of winners is to be made; 0: "sold out" is never to be remembered
--   ARGV[5] rest, ms: how long numbers that are added to a sold-out event rest before they are handed out
--   ARGV    field, value, and so on, of the rest of the event hash
--   answers CREATED, UPDATED, STALE (the gate knows this version or a newer one), or UNKNOWN (the gate is lost:
--   only restore may make a new one, or everybody would be a stranger to it)
if ARGV[1] == 'create' and redis.call('EXISTS', EVENT, APPLIED) == 0 then
  redis.call(
    'HSET', EVENT, 'coupon_count', 0, 'write_seq', 1, 'sizes', '1 0 0 0', 'config_version', ARGV[2], 'capacity', ARGV[3],
    unpack(ARGV, 6)
  )
  redis.call('DEL', PENDING, RELEASED, WINNERS) -- what an event of this id has left behind
  if ARGV[4] ~= '0' then
    redis.call('HSET', EVENT, 'filter_bits', ARGV[4])
    -- One bit after the last: a filter that was lost, and begun anew by who came later, is shorter.
    redis.call('SETBIT', WINNERS, ARGV[4], 1)
  end
  return 'CREATED'
end
if lost() then return 'UNKNOWN' end
local was = redis.call('HMGET', EVENT, 'config_version', 'coupon_count', 'capacity')
if tonumber(was[1]) >= tonumber(ARGV[2]) then return 'STALE' end
redis.call('HSET', EVENT, 'config_version', ARGV[2], 'capacity', ARGV[3], unpack(ARGV, 6))
if tonumber(was[2]) >= tonumber(was[3]) and tonumber(ARGV[3]) > tonumber(was[3]) then
  redis.call('HSET', EVENT, 'fresh_from_ms', now_ms() + ARGV[5])
end
count_up()
return 'UPDATED'
