# shellcheck shell=bash
# The stages of a benchmark: each puts load on the copy and records figures. They use the folder WORK and the numbers that
# the script has set.

# --- The copy

sql() { "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -v ON_ERROR_STOP=1 -c "$1"; }

# locate_tools: finds PostgreSQL's clients, which are not on PATH, and compiles the raw publisher.
locate_tools() {
  PGBENCH=$(find /usr/lib/postgresql -name pgbench | sort -V | tail -n 1)
  PSQL=$(dirname "$PGBENCH")/psql
  cc -O2 -o "$WORK/raw_publish" "$DEPLOY_DIR/benchmarks/raw_publish.c" -lrabbitmq
}

# restart_empty FOLDER: replaces the programs by those of FOLDER, on empty stores, so that each round begins alike and
# programs with another schema can follow. The queues are empty already: each stage waits for its claims.
restart_empty() {
  local user_password=${REDIS_URL#redis://:}
  PROGRAM_DIR=$1
  {
    stop_programs
    sql 'drop owned by current_user cascade'
    REDISCLI_AUTH=${user_password%%@*} redis-cli -p "$REDIS_PORT" flushall
    migrate
    start_api
  } >>"$WORK/log" 2>&1
  keep_started
  warm_up
}

# warm_up: a program that was just started is slower: its first requests fill caches and pools.
warm_up() {
  coupons W 8
  post W 8 "$warm_up_claims"
  workers 1
  await_decided W
  workers 0
}

# workers N: starts or stops workers. It does not wait until they work, because the questions would cost CPU time too.
workers() {
  local i name
  for name in $(worker_names | sort -rV); do
    ((${name#worker-} <= $1)) || stop_program "$name" 2>>"$WORK/log"
  done
  for ((i = 1; i <= $1; i++)); do start_program "worker-$i" ClaimWorker 2>>"$WORK/log"; done
  keep_started
}

# coupons PREFIX COUNT: creates coupons that are never sold out.
coupons() {
  sql "insert into coupons (name, amount, remaining_amount)
       select '$1_' || n, 1000000000, 1000000000 from generate_series(0, $2 - 1) n"
}

# decided PREFIX: prints the number of coupons that are claimed. Reading a sum costs less than counting claims.
decided() { sql "select coalesce(sum(amount - remaining_amount), 0) from coupons where name like '$1\\_%'"; }

# await_decided PREFIX: waits until the claims of the last post are decided. The server itself looks, ten times a second,
# because each new connection of psql costs it as much CPU time as hundreds of claims.
await_decided() {
  local prefix=$1 count end=$((SECONDS + 600)) name
  count=$(accepted_claims)
  until (($(sql "do \$\$ begin
      for i in 1 .. 100 loop
        exit when (select sum(amount - remaining_amount) from coupons where name like '$prefix\\_%') >= $count;
        perform pg_sleep(0.1);
      end loop; end \$\$" && decided "$prefix") >= count)); do
    for name in $(worker_names); do
      is_running "$name" || fail_with_log "$name" "$name has ended during the benchmark"
    done
    ((SECONDS < end)) || fail "$count claims for the coupons $prefix were not decided within 10 minutes; the benchmark is incomplete"
  done
}

# --- The load generator

# post PREFIX COUPONS COUNT [SECONDS]: sends claims with unique keys over $connections connections, and leaves the result in
# $WORK/post and the CPU time of the generator in $WORK/post.cpu.
post() {
  with_cpu_time "$WORK/post.cpu" \
    wrk -t1 -c"$connections" -d"${4:-600}s" --timeout 10s -s "$DEPLOY_DIR/benchmarks/claims.lua" "$CLAIMS_URL" -- "$1" "$2" "$3" \
    >"$WORK/post" || fail "the load generator has failed" "$WORK/post"
  (($(accepted_claims) > 0)) || fail "no claim was accepted" "$WORK/post"
}

# field NAME FILE: prints the value after NAME in the line that begins with "result".
field() { awk -v name="$1" '$1 == "result" { for (i = 2; i < NF; i += 2) if ($i == name) print $(i + 1) }' "$2"; }

accepted_claims() { field accepted "$WORK/post"; }

# --- Stages

# accept STAGE PREFIX COUPONS COUNT [SECONDS]: sends claims and records what accepting costs. The workers do not run.
accept() {
  local stage=$1; shift
  coupons "$1" "$2"
  cpu_snapshot >"$WORK/before"
  post "$@"
  cpu_snapshot >"$WORK/after"
  record_accepting "$stage"
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | grep -v '^worker ' | record_all "$stage.cpu_us"
}

record_accepting() {
  record "$1.claims_per_second" "$(field rate "$WORK/post")"
  record "$1.p99_ms" "$(field p99_ms "$WORK/post")"
  record "$1.refused" "$(field refused "$WORK/post")"
  record "$1.cpu_us.load_generator" "$(awk -v n="$(accepted_claims)" '{ printf "%.2f", $1 / n }' "$WORK/post.cpu")"
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
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | record_all "$1.cpu_us"
}

# decided_rate PREFIX: prints claims per second between the first and the last decision.
decided_rate() {
  sql "select coalesce(round((count(*) / nullif(extract(epoch from max(decided_at) - min(decided_at)), 0))::numeric), 0)
       from claims where coupon_name like '$1\\_%'"
}

# accept_and_decide STAGE PREFIX COUPONS COUNT SECONDS: sends claims while a worker runs, and waits until all are decided.
accept_and_decide() {
  local stage=$1; shift
  coupons "$1" "$2"
  workers 1
  await_workers 1 2>>"$WORK/log"
  cpu_snapshot >"$WORK/before"
  post "$@"
  await_decided "$1"
  cpu_snapshot >"$WORK/after"
  workers 0
  record_accepting "$stage"
  cpu_per_unit "$WORK/before" "$WORK/after" "$(accepted_claims)" | record_all "$stage.cpu_us"
}

# alone PREFIX SECONDS: one claim at a time on an idle system, from POST to the decision.
alone() {
  coupons "$1" 1
  workers 1
  await_workers 1 2>>"$WORK/log"
  wrk -t1 -c1 -d"$2s" -s "$DEPLOY_DIR/benchmarks/alone.lua" "$CLAIMS_URL" -- "$1" >"$WORK/alone"
  workers 0
  record alone.median_ms "$(field median_ms "$WORK/alone")"
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

# peak_memory NAME: prints the highest resident memory of a program since its start, in MiB.
peak_memory() { awk '/^VmHWM/ { printf "%.1f\n", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }
