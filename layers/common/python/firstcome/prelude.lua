-- Read before every script: names for the keys of one event, and what handing out a ticket takes. The gate itself reads
-- nothing more: Redis makes every function anew at each call.
--
--   KEYS[1] coupon:{E}:event         hash        capacity, opens_at_ms, closes_at_ms, state, coupon_count, rev,
--                                                generation, version, name, replid, reissued, learned,
--                                                filter_bits, noted_ms, fresh_from_ms,
--                                                sizes: "<rev> <applied_user> <pending> <released>", how many members
--                                                each must have, and the rev at which that was counted,
--                                                lost: 1 once a script has found another number
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

-- The sizes that the keys must have, as the scripts counted them: by what each command said that it had changed, never by
-- a length, which would hide what is gone. Where `rev` has moved on since, an older version of the scripts has written
-- (a rolling deploy): what is there counts. Answers nil where tickets were handed out and nobody holds one.
local function sizes_of(text, rev, count)
  local at, applied, pending, released = string.match(text or '', '^(%d+) (%d+) (%d+) (%d+)$')
  if at == rev then
    return {applied = tonumber(applied), pending = tonumber(pending), released = tonumber(released)}
  end
  local found = {
    applied = redis.call('HLEN', APPLIED), pending = redis.call('ZCARD', PENDING),
    released = redis.call('ZCARD', RELEASED)
  }
  if count > 0 and found.applied == 0 then return nil end
  redis.call('HSET', EVENT, 'sizes', string.format('%d %d %d %d', rev, found.applied, found.pending, found.released))
  return found
end

local function write_sizes(sizes, rev, ...)
  local text = string.format('%d %d %d %d', rev, sizes.applied, sizes.pending, sizes.released)
  redis.call('HSET', EVENT, 'rev', rev, 'sizes', text, ...)
end

-- `rev`, `bits` and `sizes` are the event's. Answers the next rev.
local function hand_out(user, ticket, member, now, call, rev, bits, sizes)
  -- HSET first: a write that Redis refuses when it is out of memory, before anything has changed.
  sizes.applied = sizes.applied + redis.call('HSET', APPLIED, user, string.format('%d %d %s', ticket, now, call))
  sizes.pending = sizes.pending + redis.call('ZADD', PENDING, now, user)
  put_into_filter(user, bits)
  if member then
    sizes.released = sizes.released - redis.call('ZREM', RELEASED, member)
    redis.call('HINCRBY', EVENT, 'reissued', 1)
    write_sizes(sizes, rev + 1, 'noted_ms', now)
  else
    write_sizes(sizes, rev + 1, 'noted_ms', now, 'coupon_count', ticket)
  end
end
