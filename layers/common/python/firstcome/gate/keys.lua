-- Read before every script: names for the keys of one event, the clock, and how a lost gate is known.
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

local function is_lost(sizes)
  return sizes and string.byte(sizes) == 108 -- "l"
end
