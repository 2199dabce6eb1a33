-- configure: tell the gate what the ledger says of the event.
--
--   ARGV[1] "create": the ledger has made the event just now, so there is nothing to lose; else "update"
--   ARGV[2] version   the ledger's; a stale caller changes nothing
--   ARGV    field, value, and so on
--   answers CREATED, UPDATED, STALE (the gate knows this version or a newer one), or UNKNOWN (the gate is lost:
--   only restore may make a new one, or everybody would be a stranger to it)
if ARGV[1] == 'create' and redis.call('EXISTS', EVENT, APPLIED) == 0 then
  redis.call('HSET', EVENT, 'coupon_count', 0, 'rev', 1, 'version', ARGV[2], unpack(ARGV, 3))
  return 'CREATED'
end
if fenced() then return 'UNKNOWN' end
if tonumber(redis.call('HGET', EVENT, 'version')) >= tonumber(ARGV[2]) then return 'STALE' end
redis.call('HSET', EVENT, 'version', ARGV[2], unpack(ARGV, 3))
redis.call('HINCRBY', EVENT, 'rev', 1)
return 'UPDATED'
