# shellcheck shell=bash
# ClaimAPI, the ClaimWorkers and claimctl: how they are started, checked, replaced and stopped.

PROGRAM_STOP_TIMEOUT=15   # seconds
READINESS_TIMEOUT=60
WORKER_TIMEOUT=30

# admin_port NAME: prints the port of the admin listener of a program; nothing if there are to be none.
admin_port() {
  local first
  first=$(cat "$RUN_DIR/admin-port" 2>/dev/null) || return 0
  case $1 in
    api) printf '%s' "$first" ;;
    worker-*) printf '%s' "$((first + ${1#worker-}))" ;;
  esac
}

# write_admin_targets WORKERS: lists the admin listeners for file_sd_configs of Prometheus.
write_admin_targets() {
  local number targets=()
  if [[ ! -s $RUN_DIR/admin-port ]]; then
    rm -f "$RUN_DIR/prometheus-targets.json"
    return 0
  fi
  for ((number = 1; number <= $1; number++)); do targets+=("127.0.0.1:$(admin_port "worker-$number")"); done
  {
    printf '[\n  {"labels": {"job": "claims-api"}, "targets": ["127.0.0.1:%s"]}' "$(admin_port api)"
    ((${#targets[@]} == 0)) || printf ',\n  {"labels": {"job": "claims-worker"}, "targets": [%s]}' "$(printf '"%s", ' "${targets[@]}" | sed 's/, $//')"
    printf '\n]\n'
  } >"$RUN_DIR/prometheus-targets.json.new"
  mv -f "$RUN_DIR/prometheus-targets.json.new" "$RUN_DIR/prometheus-targets.json"
}

api_run() {
  load_environment
  CLAIMS_ADMIN_PORT=$(admin_port api)
  export CLAIMS_ADMIN_PORT
  exec_in_session "$PROGRAM_DIR/ClaimAPI"
}

worker_run() {
  load_environment
  CLAIMS_ADMIN_PORT=$(admin_port "$1")
  export CLAIMS_WORKER_NAME=$1 CLAIMS_ADMIN_PORT
  exec_in_session "$PROGRAM_DIR/ClaimWorker"
}

# launch_program NAME: api or worker-N.
launch_program() {
  if [[ $1 == api ]]; then launch api api_run; else launch "$1" worker_run "$1"; fi
}

# claimctl ARGUMENT…: runs claimctl for this copy; its output goes to logs/claimctl.
claimctl() {
  mark_log_start claimctl
  (load_environment; exec "$PROGRAM_DIR/claimctl" "$@") </dev/null >>"$LOG_DIR/claimctl" 2>&1
}

migrate() {
  say "schema: migrating"
  claimctl migrate || fail_with_log claimctl "claimctl migrate failed. Each migration script is one transaction, and the failed one has changed nothing. Correct the cause and run this command again"
}

ALL_SCOPES=(claims:write claims:read coupons:write coupons:read dlq:read dlq:write keys:write metrics:read)

# require_tokens: creates an API key for the operator, unless there is one. The key passes through no argument and no log.
require_tokens() {
  local answer
  if [[ -s $RUN_DIR/token ]]; then return 0; fi
  mark_log_start claimctl
  answer=$(load_environment; exec "$PROGRAM_DIR/claimctl" key create deploy/up --json --scope "${ALL_SCOPES[@]}" 2>>"$LOG_DIR/claimctl" </dev/null) ||
    fail_with_log claimctl "claimctl key create failed. The API does not require tokens. Correct the cause and run this command again"
  [[ $answer =~ \"key\":\"(ck_[0-9a-z_]+)\" ]] || fail "claimctl key create has printed no key. The API does not require tokens. Run this command again"
  printf '%s\n' "${BASH_REMATCH[1]}" | write_private_file "$RUN_DIR/token"
  restart_with_new_access "the API requires tokens; CLAIMS_TOKEN in $RUN_DIR/env is one"
}

# require_no_tokens: revokes that key and lets everyone on this machine use the API.
require_no_tokens() {
  local token id
  if [[ ! -s $RUN_DIR/token ]]; then return 0; fi
  token=$(cat "$RUN_DIR/token")
  id=${token#ck_}
  claimctl key revoke "${id%%_*}" || fail_with_log claimctl "claimctl key revoke failed. The API still requires tokens. Correct the cause and run this command again"
  rm -f "$RUN_DIR/token"
  restart_with_new_access "the API requires no tokens"
}

# restart_with_new_access TEXT: stops the API, which start_api starts with the new environment.
restart_with_new_access() {
  write_environment
  say "access: $1"
  if pid_of api >/dev/null; then stop_program api; fi
}

# restart_dead_programs WORKERS: before a build, restarts the programs that have died, from the last successful build. It
# is not an error if one of them ends again: the new build may be the correction.
restart_dead_programs() {
  local name pid
  programs_are_intact || return 0
  for name in $(worker_names | sort -V) api; do
    has_died "$name" || continue
    [[ $name == api ]] || ((${name#worker-} <= $1)) || continue
    say "$name: restarting, from the last build"
    launch_program "$name"
    pid=${STARTED[$name]}
    until pid_of "$name" >/dev/null || ! is_alive "$pid"; do sleep 0.05; done   # it executes the program
    keep_started "$name"
  done
}

# start_program NAME FILE: leaves a running one as it is, unless its program file or its settings have changed.
start_program() {
  local name=$1 file=$PROGRAM_DIR/$2 pid
  if pid=$(pid_of "$name"); then
    if is_current_program "$name" "$pid" "$file"; then
      resume_if_suspended "$name" "$pid"
      return 0
    fi
    say "$name: replacing; it was built again, or its settings have changed"
    stop_program "$name"
  fi
  [[ $name != api ]] || require_free_port "$HTTP_PORT" CLAIMS_HTTP_PORT
  local admin
  admin=$(admin_port "$name")
  [[ -z $admin ]] || require_free_port "$admin" --admin-port
  say "$name: starting"
  launch_program "$name"
}

# is_current_program NAME PID FILE: whether the process runs the last build with the present settings. A program reads its
# resources once, and they can change without it.
is_current_program() {
  [[ /proc/$2/exe -ef $3 && -z $(find "$PROGRAM_DIR"/*.resources -newer "$PID_DIR/$1" -print -quit) ]] &&
    environment_contains "$2" "DATABASE_URL=$(database_url)" "REDIS_URL=$(redis_url)" "AMQP_URL=$(amqp_url)" \
      "CLAIMS_ID_SECRET=$CLAIMS_ID_SECRET" "CLAIMS_HTTP_PORT=$HTTP_PORT" "CLAIMS_ADMIN_PORT=$(admin_port "$1")"
}

start_api() {
  start_program api ClaimAPI
  # One that runs but is not ready is restarted once.
  if [[ -z ${STARTED[api]:-} ]] && ! await_api 10; then
    say "api: not ready; restarting"
    stop_program api
    start_program api ClaimAPI
  fi
  await_api "$READINESS_TIMEOUT" || fail_with_log api "api: GET /readyz is not 200 after $READINESS_TIMEOUT s. Accepted claims are kept in RabbitMQ. Correct the cause and run this command again"
  say "api: ready"
}

# await_api SECONDS: waits until the API can take claims; fails after SECONDS.
await_api() {
  local pid deadline=$((SECONDS + $1))
  pid=${STARTED[api]:-$(pid_of api)}
  until [[ $(http_status "$HTTP_PORT" /readyz) == 200 ]]; do
    is_alive "$pid" || fail_with_log api "api ended during its start. Accepted claims are kept in RabbitMQ. Correct the cause and run this command again"
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# start_workers N: stops the workers above N, and starts or replaces the others.
start_workers() {
  local count=$1 i name before
  for name in $(worker_names | sort -rV); do
    ((${name#worker-} <= count)) || stop_program "$name"
  done
  for ((i = 1; i <= count; i++)); do
    name=worker-$i
    before=$(pid_of "$name") || true
    start_program "$name" ClaimWorker
    # Workers are replaced one after another: the next one stops only when the new one works.
    if [[ -n $before && -n ${STARTED[$name]:-} ]]; then await_workers "$(running_workers)"; fi
  done
  ((count == 0)) || await_workers "$count"
  say "workers: $count running"
}

# await_workers N: waits until N workers send heartbeats.
await_workers() {
  local name all_alive=yes
  claimctl status --wait-for-workers "$1" --timeout "$WORKER_TIMEOUT" || all_alive=no
  for name in "${!STARTED[@]}"; do
    is_running "$name" || fail_with_log "$name" "$name ended during its start. Accepted claims are kept in RabbitMQ. Correct the cause and run this command again"
  done
  [[ $all_alive == yes ]] || fail_with_log claimctl "fewer than $1 workers send heartbeats after $WORKER_TIMEOUT s. Accepted claims are kept in RabbitMQ. See the logs $LOG_DIR/worker-*, correct the cause and run this command again"
}

running_workers() {
  local name count=0
  for name in $(worker_names); do
    if is_running "$name"; then count=$((count + 1)); fi
  done
  printf '%s\n' "$count"
}

# worker_names: prints the workers that have a file in pids/, in no order.
worker_names() {
  local file
  for file in "$PID_DIR"/worker-*; do
    [[ ! -e $file ]] || printf '%s\n' "${file##*/}"
  done
}

stop_program() {
  local name=$1 pid
  if pid=${STARTED[$name]:-$(pid_of "$name")}; then stop_process "$name" "$pid" TERM "$PROGRAM_STOP_TIMEOUT"; fi
  unset "STARTED[$name]"
  rm -f "$PID_DIR/$name"
}

# stop_programs: asks all to stop before it waits for the first, so that the time is that of the slowest one.
stop_programs() {
  local name pid names deadline=$((SECONDS + PROGRAM_STOP_TIMEOUT))
  names=$(worker_names | sort -rV; printf 'api\n')
  for name in $names; do
    if pid=$(pid_of "$name"); then request_stop "$name" "$pid" TERM; fi
  done
  for name in $names; do
    if pid=$(pid_of "$name"); then await_exit_or_kill "$name" "$pid" $((deadline > SECONDS ? deadline - SECONDS : 0)); fi
    rm -f "$PID_DIR/$name"
  done
}
