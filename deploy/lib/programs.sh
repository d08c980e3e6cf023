# shellcheck shell=bash
# ClaimAPI, ClaimWorker and claimctl: how they are run, and when one is to be replaced.

PROGRAM_DIR=$ROOT/.build/release
STOP_SECONDS=15

# In the environment of a program to be started, or of claimctl.
load_environment() {
  set -a
  # shellcheck source=/dev/null
  source "$RUN_DIR/env"
  set +a
}

api_run() {
  load_environment
  become "$PROGRAM_DIR/ClaimAPI"
}

worker_run() {
  load_environment
  export CLAIMS_WORKER_NAME=$1
  become "$PROGRAM_DIR/ClaimWorker"
}

# claimctl ARGUMENT…: for this copy.
claimctl() {
  log_begins claimctl
  (load_environment; exec "$PROGRAM_DIR/claimctl" "$@") </dev/null >>"$LOG_DIR/claimctl" 2>&1
}

migrate() {
  say "schema: migrating"
  claimctl migrate || fail_with_log claimctl "claimctl migrate failed"
}

# is_current PID FILE: does it run what was built last, with the settings that hold now?
is_current() {
  [[ /proc/$1/exe -ef $2 ]] &&
    has_in_environment "$1" "DATABASE_URL=$(database_url)" "REDIS_URL=$(redis_url)" "AMQP_URL=$(amqp_url)" \
      "CLAIMS_ID_SECRET=$CLAIMS_ID_SECRET" "CLAIMS_HTTP_PORT=$HTTP_PORT"
}

stop_program() {
  local name=$1 pid
  if pid=${STARTED[$name]:-$(pid_of "$name")}; then end_process "$name" "$pid" TERM "$STOP_SECONDS"; fi
  unset "STARTED[$name]"
  rm -f "$PID_DIR/$name"
}

# start_program NAME FILE FUNCTION: leaves it if it is well and current.
start_program() {
  local name=$1 file=$PROGRAM_DIR/$2 run=$3 pid
  if pid=$(pid_of "$name"); then
    if is_current "$pid" "$file"; then
      resume_if_frozen "$name" "$pid"
      return 0
    fi
    say "$name: was built anew, or its settings have changed"
    stop_program "$name"
  fi
  [[ $name != api ]] || require_free_port "$HTTP_PORT" CLAIMS_HTTP_PORT
  say "$name: starting"
  launch "$name" "$run" "$name"
}

start_api() {
  start_program api ClaimAPI api_run
  # One that was healthy once and is silent now is not left alone.
  if [[ -z ${STARTED[api]:-} ]] && ! await_readiness 10; then
    say "api: does not get ready"
    stop_program api
    start_program api ClaimAPI api_run
  fi
  await_readiness "$START_DEADLINE" || fail_with_log api "api: GET /readyz is not 200 after $START_DEADLINE s"
  say "api: ready"
}

# await_readiness SECONDS
await_readiness() {
  local pid deadline=$((SECONDS + $1))
  pid=${STARTED[api]:-$(pid_of api)}
  until [[ $(http_status "$HTTP_PORT" /readyz) == 200 ]]; do
    lives "$pid" || fail_with_log api "api ended while it was starting"
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# All are asked before the first is waited for: what each has to finish takes the time of the slowest, not of all.
stop_programs() {
  local name pid names deadline=$((SECONDS + STOP_SECONDS))
  names=$(worker_names | sort -rV; printf 'api\n')
  for name in $names; do
    if pid=$(pid_of "$name"); then ask_to_end "$name" "$pid" TERM; fi
  done
  for name in $names; do
    if pid=$(pid_of "$name"); then see_it_end "$name" "$pid" $((deadline > SECONDS ? deadline - SECONDS : 0)); fi
    rm -f "$PID_DIR/$name"
  done
}

# The whole copy, and what was lost sight of.
stop_all() {
  local name
  stop_programs
  for name in "${STOP_ORDER[@]}"; do stop_server "$name"; done
  end_stragglers
}
