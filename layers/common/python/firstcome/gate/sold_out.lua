-- Read before repairs.lua: the part of the memory of "sold out" that is not on an application's way. sold_out.py remembers,
-- put_into_filter() in prelude.lua adds a person, and gate.lua says whether its "sold out" may be remembered.

-- For who is in applied_user since just now: a filter of winners that was read before is known to be older.
local function note(user)
  put_into_filter(user, redis.call('HGET', EVENT, 'filter_bits'))
  redis.call('HSET', EVENT, 'noted_ms', now_ms())
end

-- For a new event; '0' bits: it has no filter.
local function make_filter(bits)
  if bits == '0' then return end
  redis.call('HSET', EVENT, 'filter_bits', bits)
  -- One bit after the last: a filter that was lost, and begun anew by who came later, is shorter.
  redis.call('SETBIT', WINNERS, bits, 1)
end

-- A lost filter is no lost gate: "sold out" is not remembered any more.
local function check_filter(bits)
  if bits and redis.call('STRLEN', WINNERS) ~= bits / 8 + 1 then redis.call('HDEL', EVENT, 'filter_bits') end
end

-- For a restored gate: "sold out" is not remembered any more, and Redis is asked each time.
local function drop_filter()
  redis.call('DEL', WINNERS)
  redis.call('HDEL', EVENT, 'filter_bits', 'fresh_from_ms')
end

-- For numbers that are added to a sold-out event: they rest as a released ticket does.
local function let_added_numbers_rest(count, was, capacity, rest)
  if tonumber(count) >= tonumber(was) and tonumber(capacity) > tonumber(was) then
    redis.call('HSET', EVENT, 'fresh_from_ms', now_ms() + rest)
  end
end
