# shellcheck shell=bash
# Ending processes: gracefully, but not for ever.

# end_process WHAT PID SIGNAL SECONDS: asks it to end, waits, and insists when the time is up.
end_process() {
  ask_to_end "$1" "$2" "$3"
  see_it_end "$1" "$2" "$4"
}

ask_to_end() {
  local what=$1 pid=$2 signal=$3
  lives "$pid" || return 0
  say "$what: stopping (process $pid)"
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  kill -s CONT "$pid" 2>/dev/null || true   # a frozen process hears nothing until it goes on
}

see_it_end() {
  local what=$1 pid=$2 seconds=$3
  if wait_for_end "$pid" "$seconds"; then return 0; fi
  say "$what: still there after $seconds s; killing it (process $pid)"
  kill -s KILL "$pid" 2>/dev/null || return 0
  wait_for_end "$pid" 10 || fail "$what: process $pid does not even end on SIGKILL"
}

# wait_for_end PID SECONDS: fails when the time is up.
wait_for_end() {
  local pid=$1 deadline=$((SECONDS + $2))
  while lives "$pid"; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.05
  done
}

# What no file in pids/ knows, but belongs to this copy all the same.
end_stragglers() {
  local pid pids command
  pids=$(stragglers)
  for pid in $pids; do
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || continue   # it is gone
    ask_to_end "left over: ${command:0:60}" "$pid" TERM
  done
  for pid in $pids; do see_it_end "left over" "$pid" 5; done
}
