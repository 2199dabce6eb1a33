-- Read after keys.lua and prelude.lua, before every script but the gate and `delivered`: the look for a loss, and what repairs share.

-- What the scripts count in, from lost() on.
local write_seq, sizes, applied, pending, released

-- Something was lost: there is no event, or a key has another size than the scripts have counted. Whoever finds the first
-- difference writes it down.
local function lost()
  local event = redis.call('HMGET', EVENT, 'coupon_count', 'write_seq', 'sizes', 'filter_bits')
  if not event[1] then return true end
  write_seq = event[2]
  applied, pending, released, sizes = sizes_of(event[3], write_seq, tonumber(event[1]))
  if redis.call('HLEN', APPLIED) ~= applied or redis.call('ZCARD', PENDING) ~= pending
    or redis.call('ZCARD', RELEASED) ~= released then
    write_lost(event[3])
    return true
  end
  check_filter(event[4])
  return false
end

-- The last call of a script that has changed something. It may need memory that Redis does not have, so
-- it comes after a write that was allowed.
local function count_up()
  write_seq = write_seq + 1
  redis.call('HSET', EVENT, 'write_seq', write_seq, 'sizes', string.format('%d %d %d %d', write_seq, applied, pending, released))
end

local function put(user, held)
  applied = applied + redis.call('HSET', APPLIED, user, held)
end

-- Answers how many of them had a mark.
local function unmark(...)
  local gone = redis.call('ZREM', PENDING, ...)
  pending = pending - gone
  return gone
end

local function take_from_free(ticket)
  released = released - redis.call('ZREMRANGEBYSCORE', RELEASED, ticket, ticket)
end

local function free(ticket, free_from)
  if redis.call('ZCOUNT', RELEASED, ticket, ticket) == 0 then
    released = released + redis.call('ZADD', RELEASED, ticket, string.format('%d:%d', ticket, free_from))
  end
end

local function learn(user, ticket, applied_at)
  put(user, string.format(ENTRY, ticket, applied_at, NO_CALL))
  note(user)
  take_from_free(ticket)
  local event = redis.call('HMGET', EVENT, 'coupon_count', 'given_ms')
  local count = tonumber(event[1])
  if applied_at > (tonumber(event[2]) or 0) then redis.call('HSET', EVENT, 'given_ms', applied_at) end
  if ticket > count then
    redis.call('HSET', EVENT, 'coupon_count', ticket)
    -- The numbers in between were still to be handed out, and are. More than these are left to reconcile: a script
    -- must be short for everybody else.
    for number = count + 1, math.min(ticket - 1, count + 1000) do free(number, 0) end
  end
  -- Somebody was forgotten: lower numbers may have been handed out after this one, and nobody can tell which.
  redis.call('HINCRBY', EVENT, 'learned', 1)
end

-- The secret of the turns is at a key of its own until a script takes it from there, as an argument would stand in SLOWLOG.
-- `key` is nil for an event without turns.
local function secret_is_gone(key)
  return key and redis.call('EXISTS', key) == 0
end

local function take_secret(key)
  if not key then return end
  redis.call('HSET', EVENT, 'turn_secret', redis.call('GET', key))
  redis.call('DEL', key)
end
