-- A person of their own for every request: wrk … -- PATH PREFIX. Prints what it heard as one line of JSON.

statuses = {} -- global, so that `done` can read it out of the thread that counted
local threads = {}
local count, before = 0, ""

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local path, prefix = args[1], args[2]
  local start = '{"user_id":"' .. prefix
  before = "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
    .. (#start + 12 + 2) .. "\r\n\r\n" .. start
end

function request()
  count = count + 1
  return before .. string.format("%012d", count) .. '"}'
end

function response(status)
  local name = tostring(status)
  statuses[name] = (statuses[name] or 0) + 1
end

local function json(numbers)
  local parts = {}
  for name, number in pairs(numbers) do
    table.insert(parts, string.format('"%s": %.0f', name, number))
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function done(summary, latency)
  local errors, heard = summary.errors, {}
  for _, thread in ipairs(threads) do
    for status, number in pairs(thread:get("statuses")) do
      heard[status] = (heard[status] or 0) + number
    end
  end
  print(string.format('{"duration_us": %.0f, "lost": %.0f, "p50_us": %.0f, "p99_us": %.0f, "statuses": %s}',
    summary.duration, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), json(heard)))
end
