-- lost: for how long the gate has been known to be lost.
--
--   KEYS[5] when it was found lost first; no part of the gate, and gone an hour after
--   answers {ms since then, 0 for the first caller; when}, or {-1, 0} where the gate lives
if not fenced() then
  redis.call('DEL', KEYS[5])
  return {-1, 0}
end
local now = now_ms()
redis.call('SET', KEYS[5], now, 'NX', 'EX', 3600)
local since = tonumber(redis.call('GET', KEYS[5]))
return {now - since, since}
