-- Load for wrk: POST /claims, each with a key and a user of its own, over COUPONS coupons, at most COUNT of them.
-- usage: wrk … -s claims.lua URL -- PREFIX COUPONS COUNT
local threads = {}
function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  prefix, coupons, count = args[1], tonumber(args[2]), tonumber(args[3])
  sent, accepted, refused = 0, 0, 0
end

function request()
  sent = sent + 1
  local name = string.format("%s-%d-%d", prefix, number, sent)
  return wrk.format("POST", "/claims", { ["Content-Type"] = "application/json", ["Idempotency-Key"] = name },
    string.format('{"user_id":"%s","coupon_name":"%s_%d"}', name, prefix, sent % coupons))
end

function response(status)
  if status == 202 then accepted = accepted + 1 else refused = refused + 1 end
  -- wrk knows no end but a time; interrupted, it ends and reports. While os.execute runs it hears no interrupt.
  if accepted == count then os.execute("(sleep 0.1; kill -INT $PPID) &") end
end

function done(summary, latency)
  local refusals = 0
  for _, thread in ipairs(threads) do refusals = refusals + thread:get("refused") end
  io.write(string.format("result rate %.0f p99_ms %.1f refused %d\n",
    summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, refusals))
end
