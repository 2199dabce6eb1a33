-- gate: decide one application, in the order in which Redis sees it.
--
--   ARGV[1] user_id
--   ARGV[2] call     random; the same when the client repeats this very call after a timeout
--   answers one line, which costs a client a third of as many words: "<word> <restore_epoch> <now_ms>", and
--     UNKNOWN   something was lost, or there is no such event: refuse, never guess
--     REFUSED   this person gets no coupon of this event, for good
--     ALREADY   they have "<ticket> <applied_at_ms> <pending>": pending is 0 where a coupon row is known to exist, else 1,
--               or 2 where the record is known to be in the stream
--     CLOSED
--     NOT_OPEN, PAUSED  and "<opens_at_ms> <turn_at_ms> <spread_ms>": this person's turn, 0 where nobody is told one yet
--     SOLD_OUT  and "<sold_out_at_ms> <remember>": when the last ticket was given, 0 where that is not known; then nothing,
--               or, where no ticket is free or resting, so that the word may be given again from memory, the version
--               of `winners` that knows everybody who must not be told so: "<restore_epoch>:<noted_ms>:<people>:<filter_bits>"
--     ACCEPTED  "<ticket> <applied_at_ms> 1" is theirs; to a repetition of the same call, again
--
-- It compares only the size of what it reads anyway; every other script compares all of them. A ticket is never taken
-- from a gate that any script has found to be lost: restore may have read it by then.
local user, call = ARGV[1], ARGV[2]
local event = redis.call(
  'HMGET', EVENT, 'capacity', 'opens_at_ms', 'closes_at_ms', 'state', 'coupon_count', 'restore_epoch', 'write_seq', 'filter_bits',
  'noted_ms', 'fresh_from_ms', 'sizes', 'given_ms', 'spread_ms', 'turn_secret'
)
local now, sizes = now_ms(), event[11]
local said = ' ' .. (event[6] or '0') .. ' ' .. now
if not event[5] or is_lost(sizes) then return 'UNKNOWN' .. said end

local state, count, write_seq, bits = event[4], tonumber(event[5]), event[7], event[8]
local held, people, usual = redis.call('HGET', APPLIED, user), nil, false
if not held then
  people = redis.call('HLEN', APPLIED)
  -- Compared as text: all applicants are there, and no ticket is free.
  usual = sizes and string.find(sizes, '^' .. write_seq .. ' ' .. people .. ' %d+ 0$')
end
-- Numbers that were added to a sold-out event rest as a released ticket does.
local fresh = now >= tonumber(event[10] or 0)
local is_left = fresh and count < tonumber(event[1])
local closed = (state ~= 'open' and state ~= 'paused') or now >= tonumber(event[3])

local function sold_out(resting)
  local known = bits and fresh and not resting
  local remember = known and event[6] .. ':' .. (event[9] or '0') .. ':' .. people .. ':' .. bits or ''
  return 'SOLD_OUT' .. said .. ' ' .. (event[12] or '0') .. ' ' .. remember
end
-- Nearly everybody: answered before Redis makes the functions below.
if usual and state == 'open' and not closed and not is_left then return sold_out(false) end
--+ prelude.lua
local function lose()
  write_lost(sizes)
  return 'UNKNOWN' .. said
end

if held == REFUSED then return 'REFUSED' .. said end
if held then
  local ticket, applied_at, accepted_call = read(held)
  local theirs = said .. string.format(' %d %d ', ticket, applied_at)
  if redis.call('ZSCORE', PENDING, user) then
    local word = accepted_call == call and 'ACCEPTED' or 'ALREADY'
    return word .. theirs .. (accepted_call == DELIVERED and '2' or '1')
  end
  local _, marks = sizes_of(sizes, write_seq, count)
  if redis.call('ZCARD', PENDING) ~= marks then return lose() end -- theirs may be among those that are gone
  return 'ALREADY' .. theirs .. '0'
end

local free = 0
if not usual then
  local applied, _, released, adopted = sizes_of(sizes, write_seq, count)
  if people ~= applied then return lose() end
  free, sizes = released, adopted
end

local opens_at, spread = tonumber(event[2]), tonumber(event[13]) or 0
local function wait_for(told)
  return said .. string.format(' %d %d %d', opens_at, told, spread)
end
if state == 'draft' then return 'NOT_OPEN' .. wait_for(0) end
if closed then return 'CLOSED' .. said end

local ticket, member
if state == 'open' then
  local resting
  ticket, member, resting = take(now, count, is_left, free)
  if not ticket then return sold_out(resting) end
end

-- Twelve digits: with more, Lua's doubles would round. Without the secret everybody waits for the last turn.
local turn_at, told = opens_at + spread, 0
if spread == 0 then
  told = turn_at
elseif event[14] then
  local hash = redis.sha1hex(event[14] .. ':' .. string.match(EVENT, '{(.+)}') .. ':' .. user)
  turn_at = opens_at + tonumber(string.sub(hash, 1, 12), 16) % spread
  told = turn_at
end
if state == 'paused' then return 'PAUSED' .. wait_for(told) end
if now < turn_at then return 'NOT_OPEN' .. wait_for(told) end
hand_out(user, ticket, member, now, call, count, write_seq, bits, sizes, event[12])
return 'ACCEPTED' .. said .. string.format(' %d %d 1', ticket, now)
