-- Read before every script, after keys.lua: what an entry looks like, and what handing out a ticket takes.

-- An entry of applied_user, as entry.py says: these and read() are all that knows its form.
local REFUSED, ENTRY, DELIVERED, NO_CALL = 'refused', '%d %d %s', '+', '-'

local function read(held)
  if not held then return nil end
  local ticket, applied_at, call = string.match(held, '^(%d+) (%d+) (%S+)$')
  return tonumber(ticket), tonumber(applied_at), call
end

-- The lowest free ticket that has rested until `by`, else the next number where one is left: ticket, its member in
-- `released`, and whether any free ticket is left resting. `free` is how many `released` must have. Looks at a bounded
-- number: a script must be short for everybody else.
local function take(by, count, is_left, free)
  if free > 0 then
    for _, member in ipairs(redis.call('ZRANGE', RELEASED, 0, 31)) do
      local ticket, free_from = string.match(member, '^(%d+):(%d+)$')
      if tonumber(free_from) <= by then return tonumber(ticket), member, true end
    end
  end
  if is_left then return count + 1, nil, free > 0 end
  return nil, nil, free > 0
end

-- Whoever is in applied_user must not be told from memory that they have nothing: sold_out.py looks them up here.
local function put_into_filter(user, bits)
  if not bits then return end
  local hash = redis.sha1hex(user)
  redis.call('SETBIT', WINNERS, tonumber(string.sub(hash, 1, 8), 16) % bits, 1)
  redis.call('SETBIT', WINNERS, tonumber(string.sub(hash, 9, 16), 16) % bits, 1)
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
  local applied, pending, released = string.match(sizes, '^%d+ (%d+) (%d+) (%d+)$')
  -- Numbers are made text once, here: Redis makes each that it is given text with 17 digits.
  local at, next_seq = string.format('%d', now), string.format('%d', write_seq + 1)
  -- HSET first: a write that Redis refuses when it is out of memory, before anything has changed.
  applied = applied + redis.call('HSET', APPLIED, user, string.format(ENTRY, ticket, now, call))
  pending = pending + redis.call('ZADD', PENDING, at, user)
  put_into_filter(user, bits)
  if member then
    released = released - redis.call('ZREM', RELEASED, member)
    redis.call('HINCRBY', EVENT, 'reissued', 1)
  else
    count = ticket
  end
  sizes = string.format('%s %d %d %d', next_seq, applied, pending, released)
  if now >= (tonumber(given) or 0) then given = at end -- a failover's clock may be behind
  redis.call(
    'HSET', EVENT, 'write_seq', next_seq, 'sizes', sizes, 'noted_ms', at, 'coupon_count', string.format('%d', count), 'given_ms', given
  )
end
