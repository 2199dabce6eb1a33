-- A person for every request: wrk … -- METHOD PATH PREFIX PEOPLE. With POST the body names them, with GET the path.
-- PEOPLE come again and again; 0: everybody is new. Prints what it heard as one line of JSON.

statuses = {} -- global, so that `done` can read it out of the thread that counted
local threads = {}
local people, count, before, after = 0, 0, "", ""

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local method, path, prefix = args[1], args[2], args[3]
  people = tonumber(args[4])
  local headers = " HTTP/1.1\r\nHost: bench\r\n"
  if method == "GET" then
    before, after = "GET " .. path .. "/" .. prefix, headers .. "\r\n"
  else
    local start = '{"user_id":"' .. prefix
    before = method .. " " .. path .. headers .. "Content-Type: application/json\r\nContent-Length: "
      .. (#start + 12 + 2) .. "\r\n\r\n" .. start
    after = '"}'
  end
end

function request()
  count = count + 1
  return before .. string.format("%012d", people > 0 and count % people or count) .. after
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
