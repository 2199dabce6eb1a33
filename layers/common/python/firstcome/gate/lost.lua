-- lost: for how long the gate has been known to be lost.
--
--   KEYS[6] when it was found lost first; no part of the gate, and gone an hour after
--   answers {ms since then, 0 for the first caller; when}, or {-1, 0} where the gate lives
if not lost() then
  redis.call('DEL', KEYS[6])
  return {-1, 0}
end
local now = now_ms()
redis.call('SET', KEYS[6], now, 'NX', 'EX', 3600)
local since = tonumber(redis.call('GET', KEYS[6]))
return {now - since, since}
