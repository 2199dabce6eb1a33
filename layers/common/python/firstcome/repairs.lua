-- Read after the prelude, before every script but the gate: the fence, and what repairs share.

-- Something was lost: there is no event, or tickets were handed out and nobody holds one.
local function fenced()
  local count = redis.call('HGET', EVENT, 'coupon_count')
  return not count or (tonumber(count) > 0 and redis.call('EXISTS', APPLIED) == 0)
end

-- For who is in applied_user since just now: a filter of winners that was read before is known to be older.
local function note(user)
  put_into_filter(user, redis.call('HGET', EVENT, 'filter_bits'))
  redis.call('HSET', EVENT, 'noted_ms', now_ms())
end

local function free(ticket, free_from)
  if redis.call('ZCOUNT', RELEASED, ticket, ticket) == 0 then
    redis.call('ZADD', RELEASED, ticket, string.format('%d:%d', ticket, free_from))
  end
end

local function learn(user, ticket, applied_at)
  redis.call('HSET', APPLIED, user, string.format('%d %d -', ticket, applied_at))
  note(user)
  redis.call('ZREMRANGEBYSCORE', RELEASED, ticket, ticket)
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
