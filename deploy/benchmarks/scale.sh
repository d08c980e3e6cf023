# shellcheck shell=bash
# The parts of deploy/bench-scale. Each has a function that measures one round and one that prints a Markdown table.

SIZES=(16 64 256 1024 4096)   # connections
SHARES=(50 80 95)             # percent of the highest rate

# drain PREFIX: decides what the last post has sent, so that the next measurement begins with empty queues.
drain() {
  workers 1
  await_decided "$1"
  workers 0
}

# --- connections

measure_connections() {
  local connections
  for connections in "${SIZES[@]}"; do
    say "connections: $connections"
    accept "connections_$connections" "N$connections" 1000 1000000000 --duration "$seconds"
    drain "N$connections"
  done
}

print_connections() {
  local size
  table_heading 'connections, workers stopped' 'claims/s' 'p50 ms' 'p99 ms' 'p99.9 ms' 'not accepted' 'ClaimAPI µs' 'all µs'
  for size in "${SIZES[@]}"; do
    table_row "$size" "connections_$size".{claims_per_second,p50_ms,p99_ms,p99_9_ms,not_accepted,cpu_us.api,cpu_us.system}
  done
}

# --- processes

measure_processes() {
  local count
  say "processes: 1 and 2 of ClaimAPI, the same number of connections in all"
  accept apis_1 P1 1000 1000000000 --duration "$seconds"
  drain P1
  start_second_api
  accept_over_two_apis apis_2 P2
  stop_second_api
  for count in 1 2 4; do
    say "processes: $count of ClaimWorker"
    coupons "Q$count" 1000
    post "Q$count" 1000 "$claims"
    decide "workers_$count" "Q$count" "$count"
  done
}

# start_second_api: on the first port after the API's that this copy does not use.
start_second_api() {
  local deadline=$((SECONDS + READINESS_TIMEOUT))
  SECOND_PORT=$((HTTP_PORT + 1))
  while port_is_open "$SECOND_PORT" || is_port_of_copy "$SECOND_PORT"; do SECOND_PORT=$((SECOND_PORT + 1)); done
  launch api-2 second_api_run "$SECOND_PORT"
  keep_started
  until [[ $(http_status "$SECOND_PORT" /readyz) == 200 ]]; do
    ((SECONDS < deadline)) || fail_with_log api-2 "the second ClaimAPI is not ready after $READINESS_TIMEOUT s"
    sleep 0.1
  done
}

is_port_of_copy() {
  [[ " $HTTP_PORT $POSTGRES_PORT $REDIS_PORT $AMQP_PORT $DISTRIBUTION_PORT $EPMD_PORT " == *" $1 "* ]]
}

second_api_run() {
  load_environment
  export CLAIMS_HTTP_PORT=$1
  exec_in_session "$PROGRAM_DIR/ClaimAPI"
}

stop_second_api() { stop_program api-2 2>>"$WORK/log"; }

# accept_over_two_apis STAGE PREFIX: each API gets half of the connections, from a generator of its own.
accept_over_two_apis() {
  local stage=$1 prefix=$2 connections=$((connections / 2)) accepted second=$WORK/second
  mkdir -p "$second"
  coupons "$prefix" 1000
  cpu_snapshot >"$WORK/before"
  WORK=$second CLAIMS_URL=http://127.0.0.1:$SECOND_PORT post "$prefix" 1000 1000000000 --duration "$seconds" &
  post "$prefix" 1000 1000000000 --duration "$seconds"
  wait "$!"
  cpu_snapshot >"$WORK/after"
  # From here on the two results count as one.
  jq -s '{ rate: (map(.rate) | add), latency_ms: { p50: (map(.latency_ms.p50) | max), p99: (map(.latency_ms.p99) | max),
      p99_9: (map(.latency_ms.p99_9) | max) }, cpu_us_per_request: (map(.cpu_us_per_request) | add / length),
      requests: (map(.requests) | { accepted: (map(.accepted) | add), refused: (map(.refused) | add),
        unanswered: (map(.unanswered) | add), unsent: (map(.unsent) | add) }) }' "$WORK/post" "$second/post" >"$WORK/post.both"
  mv "$WORK/post.both" "$WORK/post"
  accepted=$(accepted_claims)
  record_accepting "$stage"
  cpu_per_unit "$WORK/before" "$WORK/after" "$accepted" | record_all "$stage.cpu_us"
  drain "$prefix"
}

print_processes() {
  local count
  table_heading 'ClaimAPI processes, workers stopped' 'claims/s' 'p99 ms' 'ClaimAPI µs' 'RabbitMQ µs' 'all µs'
  for count in 1 2; do
    table_row "$count" "apis_$count".{claims_per_second,p99_ms,cpu_us.api,cpu_us.rabbitmq,cpu_us.system}
  done
  table_heading 'ClaimWorker processes, 1000 coupons' 'claims/s' 'ClaimWorker µs' 'PostgreSQL µs' 'RabbitMQ µs' 'all µs'
  for count in 1 2 4; do
    table_row "$count" "workers_$count".{claims_per_second,cpu_us.worker,cpu_us.postgres,cpu_us.rabbitmq,cpu_us.system}
  done
}

# --- backlog

# measure_backlog ROUND: in each round accepting and deciding with empty queues, in the last one also with a full backlog.
measure_backlog() {
  local waiting
  say "backlog: accepting and deciding $claims claims with empty queues"
  accept empty E 1000 "$claims"
  decide empty_decide E
  [[ $1 == "$rounds" ]] || return 0
  say "backlog: sending $backlog_claims claims"
  coupons F 1000
  post F 1000 "$backlog_claims"
  waiting=$(accepted_claims)
  record backlog.claims "$waiting"
  record backlog.fill_claims_per_second "$(posted .rate)"
  record backlog.redis_mib "$(redis_memory)"
  say "backlog: accepting $claims more claims"
  # The same coupons, so that await_decided and the rate cover all of them.
  accept_more backlog F 1000 "$claims"
  record backlog.api_peak_mib "$(peak_memory api)"
  record backlog.rabbitmq_mib "$(resident_memory rabbitmq)"
  say "backlog: deciding all of them"
  cpu_snapshot >"$WORK/before"
  workers 1
  await_decided F "$((waiting + $(accepted_claims)))"
  cpu_snapshot >"$WORK/after"
  record backlog.worker_peak_mib "$(peak_memory worker-1)"
  workers 0
  record backlog_decide.claims_per_second "$(decided_rate F)"
  record backlog_decide.first_claims_per_second "$(decided_rate F "$claims")"
  cpu_per_unit "$WORK/before" "$WORK/after" "$((waiting + $(accepted_claims)))" | record_all backlog_decide.cpu_us
}

print_backlog() {
  [[ -n $(median_of backlog.claims) ]] || return 0
  table_heading 'backlog' 'claims/s accepted' 'p99 ms' 'accept µs' 'claims/s decided, first' 'claims/s decided, all' 'decide µs'
  table_row 0 empty.{claims_per_second,p99_ms,cpu_us.system} empty_decide.{claims_per_second,claims_per_second,cpu_us.system}
  table_row "$(median_of backlog.claims)" backlog.{claims_per_second,p99_ms,cpu_us.system} \
    backlog_decide.{first_claims_per_second,claims_per_second,cpu_us.system}
  table_heading 'memory with the backlog, MiB' 'ClaimAPI, peak' 'ClaimWorker, peak' "Redis' data" 'RabbitMQ, resident'
  table_row "$(median_of backlog.claims) claims" backlog.{api_peak_mib,worker_peak_mib,redis_mib,rabbitmq_mib}
}

# --- latency

# measure_latency: with one worker, as in operation. The highest rate is that of the same round, over the same connections.
measure_latency() {
  local connections=256 share highest
  workers 1
  await_workers 1 2>>"$WORK/log"
  say "latency: the highest rate, in a closed loop"
  coupons L 1000
  post L 1000 1000000000 --duration "$seconds"
  highest=$(posted .rate)
  record latency.highest_claims_per_second "$highest"
  await_decided L
  for share in "${SHARES[@]}"; do
    say "latency: $share % of $highest claims a second"
    coupons "L$share" 1000
    post "L$share" 1000 1000000000 --duration "$seconds" --rate "$(awk -v r="$highest" -v s="$share" 'BEGIN { print r * s / 100 }')"
    record_latency "latency_$share"
    await_decided "L$share"
  done
  workers 0
}

# record_latency STAGE
record_latency() {
  record "$1.target_per_second" "$(posted .target_rate)"
  record "$1.claims_per_second" "$(posted .rate)"
  record "$1.not_accepted" "$(posted '.requests | .refused + .unanswered + .unsent')"
  posted '.latency_ms | to_entries[] | "\(.key)_ms \(.value)"' | tr -d '"' | record_all "$1"
  record "$1.send_delay_p99_ms" "$(posted .send_delay_ms.p99)"
}

print_latency() {
  local share
  table_heading 'share of the highest rate, open loop' 'requests/s' 'accepted/s' 'p50 ms' 'p90 ms' 'p99 ms' 'p99.9 ms' 'max ms' 'not accepted' 'sent late, p99 ms'
  for share in "${SHARES[@]}"; do
    table_row "$share %" "latency_$share".{target_per_second,claims_per_second,p50_ms,p90_ms,p99_ms,p99_9_ms,max_ms,not_accepted,send_delay_p99_ms}
  done
}
