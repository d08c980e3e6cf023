-- Load for wrk: POST /claims of the users in FILE, each line with a user and a token ("-" for none).
-- usage: wrk … -s access.lua URL -- FILE PREFIX
local threads = {}
function setup(thread) table.insert(threads, thread) end

function init(args)
  users, prefix = {}, args[2]
  for line in io.lines(args[1]) do
    local user, token = line:match("(%S+) (%S+)")
    local headers = { ["Content-Type"] = "application/json" }
    if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
    table.insert(users, { name = user, headers = headers })
  end
  sent, accepted = 0, 0
end

function request()
  sent = sent + 1
  local user = users[sent % #users + 1]
  user.headers["Idempotency-Key"] = string.format("%s-%d", prefix, sent)
  return wrk.format("POST", "/claims", user.headers,
    string.format('{"user_id":"%s","coupon_name":"ACCESS_%d"}', user.name, sent % 8))
end

function response(status) if status == 202 then accepted = accepted + 1 end end

function done()
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("accepted") end
  io.write(string.format("accepted %d\n", total))
end
