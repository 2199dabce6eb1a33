-- gate: decide one application, in the order in which Redis sees it.
--
--   ARGV[1] user_id
--   ARGV[2] call     random; the same when the client repeats this very call after a timeout
--   answers {word, ticket, applied_at_ms, pending, remember, restore_epoch, now_ms, …}; ticket and applied_at_ms are 0
--   where there is none; pending is 0, 1, or 2 where the record is known to be in the stream
--     UNKNOWN   something was lost, or there is no such event: refuse, never guess
--     REFUSED   this person gets no coupon of this event, for good
--     ALREADY   they have this ticket; pending while no coupon row is known to exist
--     CLOSED
--     NOT_OPEN, PAUSED  and opens_at_ms, turn_at_ms, spread_ms: this person's turn, 0 where nobody is told one yet
--     SOLD_OUT  remember: "", or, where no ticket is free or resting, so that the word may be given again from memory,
--               the version of `winners` that knows everybody who must not be told so: "<restore_epoch>:<noted_ms>:
--               <people>:<filter_bits>"; and sold_out_at_ms, when the last ticket was given, 0 where that is not known
--     ACCEPTED  this ticket is theirs; to a repetition of the same call, again
--
-- It compares only the size of what it reads anyway; every other script compares all of them. A ticket is never taken
-- from a gate that any script has found to be lost: restore may have read it by then.
local user, call = ARGV[1], ARGV[2]
local event = redis.call(
  'HMGET', EVENT, 'capacity', 'opens_at_ms', 'closes_at_ms', 'state', 'coupon_count', 'restore_epoch', 'write_seq', 'filter_bits',
  'noted_ms', 'fresh_from_ms', 'sizes', 'given_ms', 'spread_ms', 'turn_secret'
)
local now, sizes = now_ms(), event[11]
if not event[5] or is_lost(sizes) then return {'UNKNOWN', 0, 0, 0, '', tonumber(event[6]) or 0, now} end

local capacity, opens_at, closes_at = tonumber(event[1]), tonumber(event[2]), tonumber(event[3])
local state, count, restore_epoch, bits = event[4], tonumber(event[5]), tonumber(event[6]), event[8]

local function lose()
  write_lost(sizes)
  return {'UNKNOWN', 0, 0, 0, '', restore_epoch, now}
end

local held = redis.call('HGET', APPLIED, user)
if held == REFUSED then return {'REFUSED', 0, 0, 0, '', restore_epoch, now} end
if held then
  local ticket, applied_at, accepted_call = read(held)
  if redis.call('ZSCORE', PENDING, user) then
    local word = accepted_call == call and 'ACCEPTED' or 'ALREADY'
    return {word, ticket, applied_at, accepted_call == DELIVERED and 2 or 1, '', restore_epoch, now}
  end
  local _, marks = sizes_of(sizes, event[7], count)
  if redis.call('ZCARD', PENDING) ~= marks then return lose() end -- theirs may be among those that are gone
  return {'ALREADY', ticket, applied_at, 0, '', restore_epoch, now}
end

local people = redis.call('HLEN', APPLIED)
-- Compared as text: this is all that a loser needs of the sizes.
if not sizes or string.find(sizes, event[7] .. ' ' .. people .. ' ', 1, true) ~= 1 then
  local applied, _, _, adopted = sizes_of(sizes, event[7], count)
  if people ~= applied then return lose() end
  sizes = adopted
end

local spread = tonumber(event[13]) or 0
if state == 'draft' then return {'NOT_OPEN', 0, 0, 0, '', restore_epoch, now, opens_at, 0, spread} end
if (state ~= 'open' and state ~= 'paused') or now >= closes_at then return {'CLOSED', 0, 0, 0, '', restore_epoch, now} end

local ticket, member
if state == 'open' then
  -- Numbers that were added to a sold-out event rest as a released ticket does.
  local fresh = now >= tonumber(event[10] or 0)
  local resting
  ticket, member, resting = take(now, count, fresh and capacity or 0)
  if not ticket then
    local known = bits and fresh and not resting
    local remember = known and string.format('%d:%s:%d:%s', restore_epoch, event[9] or '0', people, bits) or ''
    return {'SOLD_OUT', 0, 0, 0, remember, restore_epoch, now, tonumber(event[12]) or 0}
  end
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
if state == 'paused' then return {'PAUSED', 0, 0, 0, '', restore_epoch, now, opens_at, told, spread} end
if now < turn_at then return {'NOT_OPEN', 0, 0, 0, '', restore_epoch, now, opens_at, told, spread} end
hand_out(user, ticket, member, now, call, count, event[7], bits, sizes, event[12])
return {'ACCEPTED', ticket, now, 1, '', restore_epoch, now}
