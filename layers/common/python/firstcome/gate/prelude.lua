-- Read before every script: names for the keys of one event, and what handing out a ticket takes. The gate itself reads
-- nothing more: Redis makes every function anew at each call.
--
--   KEYS[1] coupon:{E}:event         hash        capacity, opens_at_ms, closes_at_ms, state, coupon_count, write_seq,
--                                                restore_epoch, config_version, name, timezone, replid, reissued,
--                                                learned, filter_bits, noted_ms, fresh_from_ms,
--                                                spread_ms, turn_secret (in hex, from the first opening on): the turns,
--                                                given_ms: applied_at of the last ticket that was given,
--                                                sizes: "<write_seq> <applied_user> <pending> <released>", how many members
--                                                each must have, and the write_seq at which that was counted; "lost "
--                                                stands before it once a script has found another number
--   KEYS[2] coupon:{E}:applied_user  hash        user_id -> "<ticket> <applied_at_ms> <call>", or "refused"; the call
--                                                is "+" once the record is known to be in the stream
--   KEYS[3] coupon:{E}:pending       sorted set  user_id, by applied_at_ms
--   KEYS[4] coupon:{E}:released      sorted set  "<ticket>:<free_from_ms>", by ticket
--   KEYS[5] coupon:{E}:winners       bitmap      a Bloom filter of everybody in applied_user, and one bit at its end
--
-- No shebang: with one, Redis would refuse a whole script when it is out of memory, settle's removals too.
local EVENT, APPLIED, PENDING, RELEASED, WINNERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- Redis's own clock: no client's clock decides anything.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- An entry of applied_user, as entry.py says: these and read() are all that knows its form.
local REFUSED, ENTRY, DELIVERED, NO_CALL = 'refused', '%d %d %s', '+', '-'

local function read(held)
  if not held then return nil end
  local ticket, applied_at, call = string.match(held, '^(%d+) (%d+) (%S+)$')
  return tonumber(ticket), tonumber(applied_at), call
end

-- The lowest free ticket that has rested until `by`, else the next number: ticket, its member in `released`, and
-- whether any free ticket is left resting. Looks at a bounded number: a script must be short for everybody else.
local function take(by, count, capacity)
  local free = redis.call('ZRANGE', RELEASED, 0, 31)
  for _, member in ipairs(free) do
    local ticket, free_from = string.match(member, '^(%d+):(%d+)$')
    if tonumber(free_from) <= by then return tonumber(ticket), member, true end
  end
  if count < capacity then return count + 1, nil, #free > 0 end
  return nil, nil, #free > 0
end

-- Whoever is in applied_user must not be told from memory that they have nothing: sold_out.py looks them up here.
local function put_into_filter(user, bits)
  if not bits then return end
  local hash = redis.sha1hex(user)
  redis.call('SETBIT', WINNERS, tonumber(string.sub(hash, 1, 8), 16) % bits, 1)
  redis.call('SETBIT', WINNERS, tonumber(string.sub(hash, 9, 16), 16) % bits, 1)
end

local function is_lost(sizes)
  return sizes and string.byte(sizes) == 108 -- "l"
end

-- For all scripts: until the gate is restored, nothing else may change it. Restore reads the sizes.
local function write_lost(sizes)
  if not is_lost(sizes) then redis.call('HSET', EVENT, 'sizes', 'lost ' .. (sizes or '')) end
end

-- The sizes that the keys must have, as the scripts counted them: by what each command said that it had changed, never by
-- a length, which would hide what is gone. Where `write_seq` has moved on since, an older version of the scripts has written
-- (a rolling deploy): what is there counts. Answers the sizes of applied_user, pending and released, and their text; or
-- nil where the gate is lost: a difference was found before, or tickets were handed out and nobody holds one.
local function sizes_of(text, write_seq, count)
  if is_lost(text) then return nil end
  local at, applied, pending, released = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
  if at == write_seq then return tonumber(applied), tonumber(pending), tonumber(released), text end
  applied, pending, released = redis.call('HLEN', APPLIED), redis.call('ZCARD', PENDING), redis.call('ZCARD', RELEASED)
  if count > 0 and applied == 0 then return nil end
  text = string.format('%s %d %d %d', write_seq, applied, pending, released)
  redis.call('HSET', EVENT, 'sizes', text)
  return applied, pending, released, text
end

-- `count`, `write_seq`, `bits`, `sizes` and `given`, as text, are the event's.
local function hand_out(user, ticket, member, now, call, count, write_seq, bits, sizes, given)
  local applied, pending, released = string.match(sizes, ' (%d+) (%d+) (%d+)$')
  -- HSET first: a write that Redis refuses when it is out of memory, before anything has changed.
  applied = applied + redis.call('HSET', APPLIED, user, string.format(ENTRY, ticket, now, call))
  pending = pending + redis.call('ZADD', PENDING, now, user)
  put_into_filter(user, bits)
  if member then
    released = released - redis.call('ZREM', RELEASED, member)
    redis.call('HINCRBY', EVENT, 'reissued', 1)
  else
    count = ticket
  end
  write_seq = write_seq + 1
  sizes = string.format('%d %d %d %d', write_seq, applied, pending, released)
  given = math.max(now, tonumber(given) or 0) -- a failover's clock may be behind
  redis.call(
    'HSET', EVENT, 'write_seq', write_seq, 'sizes', sizes, 'noted_ms', now, 'coupon_count', count, 'given_ms', given
  )
end
