-- One client, one claim at a time: POST /claims, then a long poll for the decision. Prints the median of the total time.
-- usage: wrk -t1 -c1 … -s alone.lua URL -- PREFIX
local ffi = require("ffi")
ffi.cdef [[ typedef struct { long s; long ns; } timespec_t; int clock_gettime(int, timespec_t *); ]]
local clock = ffi.new("timespec_t")
local function now()
  ffi.C.clock_gettime(1, clock)
  return tonumber(clock.s) * 1e3 + tonumber(clock.ns) / 1e6
end

local threads = {}
function setup(thread) table.insert(threads, thread) end

function init(args)
  prefix, sent, samples, location = args[1], 0, "", nil
end

function request()
  if location then return wrk.format("GET", location .. "?wait=10") end
  sent, started = sent + 1, now()
  local name = prefix .. sent
  return wrk.format("POST", "/claims", { ["Content-Type"] = "application/json", ["Idempotency-Key"] = name },
    string.format('{"user_id":"%s","coupon_name":"%s_0"}', name, prefix))
end

function response(status, headers, body)
  if status == 202 then
    location = headers["Location"]
  elseif location and body:find('"claimed"') then
    samples, location = samples .. string.format("%.3f ", now() - started), nil
  end
end

function done()
  local times = {}
  for time in threads[1]:get("samples"):gmatch("%S+") do table.insert(times, tonumber(time)) end
  table.sort(times)
  io.write(string.format("result median_ms %.1f claims %d\n", times[math.ceil(#times / 2)] or -1, #times))
end
