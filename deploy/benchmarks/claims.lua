-- Load for wrk: at most COUNT POST /claims over COUPONS coupons, each with its own key and user.
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
  -- wrk has no limit on requests, only on time. SIGINT makes it end and report; it handles none during os.execute.
  if accepted == count then os.execute("(sleep 0.1; kill -INT $PPID) &") end
end

function done(summary, latency)
  local acceptances, refusals = 0, 0
  for _, thread in ipairs(threads) do
    acceptances = acceptances + thread:get("accepted")
    refusals = refusals + thread:get("refused")
  end
  io.write(string.format("result accepted %d rate %.0f p99_ms %.1f refused %d\n", acceptances,
    acceptances / summary.duration * 1e6, latency:percentile(99) / 1000, refusals))
end
