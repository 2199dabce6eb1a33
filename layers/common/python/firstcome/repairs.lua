-- Read after the prelude, before every script but the gate and `delivered`: the fence, and what repairs share.

-- What the scripts count in, from fenced() on.
local rev, sizes

-- Something was lost: there is no event, or a key has another size than the scripts have counted. Whoever finds the first
-- difference writes it down, for all scripts: until the gate is restored, nothing else may change it.
local function fenced()
  local event = redis.call('HMGET', EVENT, 'coupon_count', 'lost', 'rev', 'sizes', 'filter_bits')
  if not event[1] or event[2] then return true end
  rev, sizes = event[3], sizes_of(event[4], event[3], tonumber(event[1]))
  if not sizes or redis.call('HLEN', APPLIED) ~= sizes.applied or redis.call('ZCARD', PENDING) ~= sizes.pending
    or redis.call('ZCARD', RELEASED) ~= sizes.released then
    redis.call('HSET', EVENT, 'lost', 1)
    return true
  end
  -- A lost filter is no lost gate: "sold out" is not remembered any more.
  if event[5] and redis.call('STRLEN', WINNERS) ~= event[5] / 8 + 1 then redis.call('HDEL', EVENT, 'filter_bits') end
  return false
end

-- The last call of a script that has changed something, with further fields of the event. It may need memory that Redis
-- does not have, so it comes after a write that was allowed.
local function count_up(...)
  write_sizes(sizes, rev + 1, ...)
end

-- For who is in applied_user since just now: a filter of winners that was read before is known to be older.
local function note(user)
  put_into_filter(user, redis.call('HGET', EVENT, 'filter_bits'))
  redis.call('HSET', EVENT, 'noted_ms', now_ms())
end

local function put(user, held)
  sizes.applied = sizes.applied + redis.call('HSET', APPLIED, user, held)
end

-- Answers how many of them had a mark.
local function unmark(...)
  local gone = redis.call('ZREM', PENDING, ...)
  sizes.pending = sizes.pending - gone
  return gone
end

local function take_from_free(ticket)
  sizes.released = sizes.released - redis.call('ZREMRANGEBYSCORE', RELEASED, ticket, ticket)
end

local function free(ticket, free_from)
  if redis.call('ZCOUNT', RELEASED, ticket, ticket) == 0 then
    sizes.released = sizes.released + redis.call('ZADD', RELEASED, ticket, string.format('%d:%d', ticket, free_from))
  end
end

local function learn(user, ticket, applied_at)
  put(user, string.format('%d %d -', ticket, applied_at))
  note(user)
  take_from_free(ticket)
  local count = tonumber(redis.call('HGET', EVENT, 'coupon_count'))
  if ticket > count then
    redis.call('HSET', EVENT, 'coupon_count', ticket)
    -- The numbers in between were still to be handed out, and are. More than these are left to reconcile: a script
    -- must be short for everybody else.
    for number = count + 1, math.min(ticket - 1, count + 1000) do free(number, 0) end
  end
  -- Somebody was forgotten: lower numbers may have been handed out after this one, and nobody can tell which.
  redis.call('HINCRBY', EVENT, 'learned', 1)
end
