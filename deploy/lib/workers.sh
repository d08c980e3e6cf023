# shellcheck shell=bash
# As many ClaimWorkers as wanted.

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
