# shellcheck shell=bash
# The stages of a benchmark: each puts load on the copy and records figures. The script sets `connections`.

# --- The load generator

# post PREFIX COUPONS COUNT [OPTION…]: sends claims with unique keys over $connections connections, by default in a closed
# loop, and leaves the result in $WORK/post.
post() {
  local prefix=$1 coupons=$2 count=$3; shift 3
  "$GENERATOR" --url "$CLAIMS_URL" --json --prefix "$prefix" --coupons "$coupons" --count "$count" \
    --connections "$connections" "$@" >"$WORK/post" || fail "the load generator has failed" "$WORK/post"
  (($(accepted_claims) > 0)) || fail "no claim was accepted" "$WORK/post"
}

# posted PATH: prints a value of the last post.
posted() { jq "$1" "$WORK/post"; }

accepted_claims() { posted .requests.accepted; }

# --- Stages

# accept STAGE PREFIX COUPONS COUNT [OPTION…]: sends claims and records what accepting costs. The workers do not run.
accept() {
  coupons "$2" "$3"
  accept_more "$@"
}

# accept_more STAGE PREFIX COUPONS COUNT [OPTION…]: the same, for coupons that exist.
accept_more() {
  local stage=$1; shift
  cpu_snapshot >"$WORK/before"
  post "$@"
  cpu_snapshot >"$WORK/after"
  record_accepting "$stage"
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | grep -v '^worker ' | record_all "$stage.cpu_us"
}

record_accepting() {
  record "$1.claims_per_second" "$(posted .rate)"
  record "$1.p50_ms" "$(posted .latency_ms.p50)"
  record "$1.p99_ms" "$(posted .latency_ms.p99)"
  record "$1.p99_9_ms" "$(posted .latency_ms.p99_9)"
  record "$1.not_accepted" "$(posted '.requests | .refused + .unanswered + .unsent')"
  record "$1.cpu_us.load_generator" "$(posted .cpu_us_per_request)"
}

# decide STAGE PREFIX [WORKERS]: starts workers on the claims of the last accept and records what deciding costs, including
# the start of the workers.
decide() {
  cpu_snapshot >"$WORK/before"
  workers "${3:-1}"
  await_decided "$2"
  cpu_snapshot >"$WORK/after"
  workers 0
  record "$1.claims_per_second" "$(decided_rate "$2")"
  record "$1.claims_per_batch" "$(claims_per_batch "$2")"
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | record_all "$1.cpu_us"
}

# decided_rate PREFIX [COUNT]: prints claims per second between the first and the last decision, or the first COUNT.
decided_rate() {
  sql "select coalesce(round((count(*) / nullif(extract(epoch from max(decided_at) - min(decided_at)), 0))::numeric), 0)
       from (select decided_at from claims where coupon_name like '$1\\_%' order by decided_at limit ${2:-all}) decisions"
}

# claims_per_batch PREFIX: prints the mean number of claims of a transaction that decided claims.
claims_per_batch() {
  sql "select coalesce(round(count(*)::numeric / nullif(count(distinct xmin::text), 0), 1), 0)
       from claims where coupon_name like '$1\\_%'"
}

# accept_and_decide STAGE PREFIX COUPONS COUNT [OPTION…]: sends claims while a worker runs, and waits until all are decided.
accept_and_decide() { accept_with_workers 1 "$@"; }

# accept_with_workers WORKERS STAGE PREFIX COUPONS COUNT [OPTION…]: the same with several workers.
accept_with_workers() {
  local count=$1 stage=$2; shift 2
  coupons "$1" "$2"
  workers "$count"
  await_workers "$count" 2>>"$WORK/log"
  cpu_snapshot >"$WORK/before"
  post "$@"
  await_decided "$1"
  cpu_snapshot >"$WORK/after"
  workers 0
  record_accepting "$stage"
  record "$stage.decided_per_second" "$(decided_rate "$1")"
  record "$stage.claims_per_batch" "$(claims_per_batch "$1")"
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | record_all "$stage.cpu_us"
}

# alone PREFIX SECONDS: one claim at a time on an idle system, from POST to the decision.
alone() {
  coupons "$1" 1
  workers 1
  await_workers 1 2>>"$WORK/log"
  wrk -t1 -c1 -d"$2s" -s "$DEPLOY_DIR/benchmarks/alone.lua" "$CLAIMS_URL" -- "$1" >"$WORK/alone"
  workers 0
  record alone.median_ms "$(awk '$1 == "result" && $2 == "median_ms" { print $3 }' "$WORK/alone")"
}

# --- Raw limits

# raw_publish WINDOW SECONDS: librabbitmq alone, with WINDOW messages of one claim each unconfirmed.
raw_publish() {
  local password=${AMQP_URL#*claims:} rate count
  cpu_snapshot >"$WORK/before"
  "$WORK/raw_publish" 127.0.0.1 "$AMQP_PORT" claims "${password%%@*}" claims benchmark.raw "$2" "$1" >"$WORK/raw"
  cpu_snapshot >"$WORK/after"
  read -r rate count <"$WORK/raw"
  record "raw.publish_window_$1.messages_per_second" "$rate"
  record "raw.publish_window_$1.cpu_us.rabbitmq" "$(cpu_per_unit "$WORK/before" "$WORK/after" "$count" | awk '$1 == "rabbitmq" { print $2 }')"
}

# raw_decide SECONDS: one claim per transaction through pgbench, with the number of clients, 1 or 8, that is faster.
raw_decide() {
  local clients rate count best=0 best_cpu=0
  sql "insert into coupons (name, amount, remaining_amount) values ('RAW', 1000000000, 1000000000) on conflict do nothing"
  for clients in 1 8; do
    cpu_snapshot >"$WORK/before"
    "$PGBENCH" "$DATABASE_URL" -n -M prepared -c "$clients" -j 1 -T "$1" -f "$DEPLOY_DIR/benchmarks/one_claim.sql" \
      >"$WORK/pgbench" 2>>"$WORK/log"
    cpu_snapshot >"$WORK/after"
    rate=$(awk '/^tps/ { printf "%.0f\n", $3 }' "$WORK/pgbench")
    count=$(awk '/transactions actually processed/ { split($NF, n, "/"); print n[1] }' "$WORK/pgbench")
    ((rate > best)) || continue
    best=$rate best_cpu=$(cpu_per_unit "$WORK/before" "$WORK/after" "$count" | awk '$1 == "postgres" { print $2 }')
  done
  record raw.decide.claims_per_second "$best"
  record raw.decide.cpu_us.postgres "$best_cpu"
}

# --- Memory

# backlog_memory PREFIX COUPONS COUNT: the memory that the programs need while COUNT claims wait and are decided, and Redis'
# memory for them.
backlog_memory() {
  coupons "$1" "$2"
  post "$1" "$2" "$3"
  record memory.redis_mib "$(redis_memory)"
  workers 1
  await_decided "$1"
  record memory.api_peak_mib "$(peak_memory api)"
  record memory.worker_peak_mib "$(peak_memory worker-1)"
  workers 0
}

# redis_memory: prints what Redis' data needs, in MiB.
redis_memory() {
  local user_password=${REDIS_URL#redis://:}
  REDISCLI_AUTH=${user_password%%@*} redis-cli -p "$REDIS_PORT" info memory | awk -F '[:\r]' '$1 == "used_memory" { printf "%.1f\n", $2 / 1048576 }'
}

# resident_memory NAME: prints the resident memory of a server at this moment, in MiB.
resident_memory() { awk '/^VmRSS/ { printf "%.1f\n", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }

# peak_memory NAME: prints the highest resident memory of a program since its start, in MiB.
peak_memory() { awk '/^VmHWM/ { printf "%.1f\n", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }
