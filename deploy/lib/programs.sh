# shellcheck shell=bash
# ClaimAPI, ClaimWorker, claimctl.

PROGRAM_DIR=$ROOT/.build/release
STOP_SECONDS=15

# build programs|tests: on a failure it shows the compiler's errors, not the hundred lines between them.
build() {
  local log=$LOG_DIR/build errors command=(swift build -c release --package-path "$ROOT")
  [[ $1 != tests ]] || command+=(--build-tests)
  say "build: the $1, in release mode"
  if ! "${command[@]}" 2>&1 </dev/null | show_progress build "$log"; then
    errors=$(grep -E '(error|fatal): ' "$log" | awk '!seen[$0]++' | head -n 30) || true
    [[ -n $errors ]] || fail "the build failed" "$log"
    fail "the build failed:
$errors
  the log: $log"
  fi
  say "build: done"
}

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

# start_workers N
start_workers() {
  local count=$1 i name before
  for name in $(worker_names | sort -rV); do
    ((${name#worker-} <= count)) || stop_program "$name"
  done
  for ((i = 1; i <= count; i++)); do
    name=worker-$i
    before=$(pid_of "$name") || true
    start_program "$name" ClaimWorker worker_run
    # A new build replaces them one after another, each at work before the next one goes.
    if [[ -n $before && -n ${STARTED[$name]:-} ]]; then await_workers "$(running_workers)"; fi
  done
  ((count == 0)) || await_workers "$count"
  say "workers: $count at work"
}

# await_workers N: until N workers show life.
await_workers() {
  local name all_show_life=yes
  claimctl status --wait-for-workers "$1" --timeout 30 || all_show_life=no
  for name in "${!STARTED[@]}"; do
    is_running "$name" || fail_with_log "$name" "$name ended while it was starting"
  done
  [[ $all_show_life == yes ]] || fail_with_log claimctl "there are not $1 workers that show life after 30 s; see also their logs, $LOG_DIR/worker-*"
}

running_workers() {
  local name count=0
  for name in $(worker_names); do
    if is_running "$name"; then count=$((count + 1)); fi
  done
  printf '%s\n' "$count"
}

# worker_names: those with a file in pids/, in no order.
worker_names() {
  local file
  for file in "$PID_DIR"/worker-*; do
    [[ ! -e $file ]] || printf '%s\n' "${file##*/}"
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
