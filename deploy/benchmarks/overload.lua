-- Overload for wrk: POST /claims for one coupon from every connection, as fast as answers come. Unlike the latency that
-- wrk reports, which mixes all answers, the percentiles are those of the accepted claims alone. Each claim carries the
-- time of sending in its user_id, and the answer returns it. The first two seconds do not count: all connections begin at
-- once.
-- usage: wrk … -s overload.lua URL -- COUPON RETRY   (RETRY 1: a refused client waits for Retry-After)
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } overload_time;
  int clock_gettime(int clock, overload_time *time);
]]
local clock = ffi.new("overload_time")
local function now()
  ffi.C.clock_gettime(1, clock)
  return tonumber(clock.seconds) * 1e6 + math.floor(tonumber(clock.nanoseconds) / 1000)
end

local threads = {}
function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  coupon, retries = args[1], args[2] == "1"
  run = string.format("%.0f", now())
  start = now() + 2e6
  sent, accepted, refused, other, waiting = 0, 0, 0, 0, 0
  counts = {}
end

function request()
  sent = sent + 1
  return wrk.format("POST", "/claims",
    { ["Content-Type"] = "application/json", ["Idempotency-Key"] = string.format("%s-%d-%d", run, number, sent) },
    string.format('{"user_id":"%d-%d-%.0f","coupon_name":"%s"}', number, sent, now(), coupon))
end

function delay()
  if retries and waiting > 0 then
    waiting = waiting - 1
    return 1000
  end
  return 0
end

function response(status, headers, body)
  if status == 503 then waiting = waiting + 1 end
  if now() < start then return end
  if status == 202 then
    accepted = accepted + 1
    local sent_at = tonumber(string.match(body, '"user_id":"%d+%-%d+%-(%d+)"'))
    local bucket = math.floor((now() - sent_at) / 1000)
    counts[bucket] = (counts[bucket] or 0) + 1
  elseif status == 503 then
    refused = refused + 1
  else
    other = other + 1
  end
end

function done(summary, latency)
  local all, total, refusals, others = {}, 0, 0, 0
  for _, thread in ipairs(threads) do
    refusals = refusals + thread:get("refused")
    others = others + thread:get("other")
    for bucket, count in pairs(thread:get("counts")) do
      all[bucket] = (all[bucket] or 0) + count
      total = total + count
    end
  end
  local buckets = {}
  for bucket in pairs(all) do table.insert(buckets, bucket) end
  table.sort(buckets)
  local function percentile(p)
    local seen = 0
    for _, bucket in ipairs(buckets) do
      seen = seen + all[bucket]
      if seen >= total * p / 100 then return bucket + 1 end
    end
    return 0
  end
  io.write(string.format("result accepted %.0f refused %.0f other %d p50_ms %d p99_ms %d p999_ms %d max_ms %d errors %d\n",
    total / (summary.duration - 2e6) * 1e6, refusals / (summary.duration - 2e6) * 1e6, others, percentile(50), percentile(99),
    percentile(99.9), percentile(100),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
