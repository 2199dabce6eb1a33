-- reconcile: repair a live gate by what was found in the ledger, if nothing has changed since it was read.
--
--   ARGV[1] write_seq at which the gate was read
--   ARGV[2] replid of the Redis that was read
--   ARGV    word, a, b, c, and so on for each repair
--     learn  user_id, ticket, applied_at_ms   a row that the gate did not know
--     pend   user_id, applied_at_ms, -        a winner without a row: the sweep writes it
--     refuse user_id, -, -                    the ledger refuses them
--     free   ticket, free_from_ms, -          a number that nobody owns
--     taken  ticket, -, -                     a free number that has a row or an owner
--   answers RECONCILED, MOVED (write_seq has changed: nothing is done), or UNKNOWN where the gate is lost
if lost() then return 'UNKNOWN' end
if write_seq ~= ARGV[1] then return 'MOVED' end
redis.call('HSET', EVENT, 'replid', ARGV[2])
for i = 3, #ARGV, 4 do
  local word, a, b, c = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if word == 'learn' then
    learn(a, tonumber(b), tonumber(c))
    unmark(a)
  elseif word == 'pend' then
    pending = pending + redis.call('ZADD', PENDING, b, a)
  elseif word == 'refuse' then
    put(a, REFUSED)
    note(a)
  elseif word == 'free' then
    free(tonumber(a), tonumber(b))
  elseif word == 'taken' then
    take_from_free(a)
  else
    return redis.error_reply('ERR unknown repair ' .. word)
  end
end
count_up()
return 'RECONCILED'
