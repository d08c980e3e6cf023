# shellcheck shell=bash
# The three servers. Each has its own file with functions of the same kind:
#   NAME_locate     finds the installed server, or fails      NAME_ports         lists "PORT SETTING" for each port it uses
#   NAME_prepare    creates the data for the first start      NAME_run           executes the server
#   NAME_configure  writes the configuration                  NAME_is_ready PID  whether it serves clients

SERVERS=(rabbitmq postgres redis)   # they start at the same time; RabbitMQ takes longest
# shellcheck disable=SC2034  # copy.sh reads it
STOP_ORDER=(rabbitmq redis postgres)
START_TIMEOUT=60   # seconds
STOP_TIMEOUT=30

declare -A STOP_SIGNAL=([postgres]=INT [redis]=TERM [rabbitmq]=TERM)   # INT is PostgreSQL's fast shutdown

# start_servers NAME…: starts those that do not run, and waits until all are ready.
start_servers() {
  local name
  for name in "$@"; do "${name}_locate"; done
  for name in "$@"; do start_server "$name"; done
  await_servers "$@"
  write_environment
}

# start_server NAME: does not wait until it is ready.
start_server() {
  local name=$1 before after pid
  "${name}_prepare"
  before=$(configuration_checksum "$name")
  "${name}_configure"
  after=$(configuration_checksum "$name")

  if pid=$(pid_of "$name"); then
    if [[ $before == "$after" ]]; then
      resume_if_suspended "$name" "$pid"
      return 0
    fi
    say "$name: restarting with changed settings"
    stop_server "$name"
  fi

  prepare_restart "$name"
  say "$name: starting"
  launch "$name" "${name}_run"
}

# prepare_restart NAME: stops processes of an earlier server that would block a new one, and checks that its ports are free.
prepare_restart() {
  local port setting
  stop_orphans "$1"
  while read -r port setting; do require_free_port "$port" "$setting"; done < <("$1_ports")
}

# check_server_ports: reports a port that is in use before the long steps.
check_server_ports() {
  local name
  for name in "${SERVERS[@]}"; do
    pid_of "$name" >/dev/null || prepare_restart "$name"
  done
}

configuration_checksum() {
  { cat "$CONF_DIR/$1"* 2>/dev/null || true; } | cksum
}

# await_servers NAME…: waits for all at the same time, so that the end of one is noticed while another starts.
await_servers() {
  local names=("$@") waiting name pid deadline=$((SECONDS + START_TIMEOUT))
  while true; do
    waiting=()
    for name in "${names[@]}"; do
      pid=${STARTED[$name]:-$(pid_of "$name")} || pid=none
      if "${name}_is_ready" "$pid"; then
        say "$name: $([[ -n ${STARTED[$name]:-} ]] && printf started || printf running) (process $pid)"
        continue
      fi
      is_alive "$pid" || fail_with_log "$name" "$name ended during its start. Its data in $DATA_DIR/$name is kept. Correct the cause and run this command again"
      ((SECONDS < deadline)) || fail_with_log "$name" "$name (process $pid) is not ready after $START_TIMEOUT s. Its data in $DATA_DIR/$name is kept. Run this command again, or stop the copy first with deploy/down"
      waiting+=("$name")
    done
    ((${#waiting[@]} > 0)) || return 0
    names=("${waiting[@]}")
    sleep 0.1
  done
}

stop_server() {
  local name=$1 pid
  if pid=${STARTED[$name]:-$(pid_of "$name")}; then stop_process "$name" "$pid" "${STOP_SIGNAL[$name]}" "$STOP_TIMEOUT"; fi
  unset "STARTED[$name]"
  rm -f "$PID_DIR/$name"
  [[ $name != rabbitmq ]] || stop_epmd
}

# stop_orphans NAME: the child processes of a killed postmaster hold its shared memory for a moment, and a server whose
# file in pids/ is missing holds its data. Both prevent a new start.
stop_orphans() {
  local name=$1 file pid deadline=$((SECONDS + 2))
  for file in /proc/[0-9]*; do
    pid=${file#/proc/}
    [[ $file/cwd -ef $DATA_DIR/$name ]] || continue   # a quick test that excludes most processes
    is_own_process "$name" "$pid" || continue
    while is_alive "$pid" && ((SECONDS < deadline)); do sleep 0.05; done
    is_alive "$pid" || continue
    # QUIT makes PostgreSQL end at once and recover at the next start; it applies to its child processes as well.
    if [[ $name == postgres ]]; then stop_process "$name, orphaned" "$pid" QUIT 10; else stop_process "$name, orphaned" "$pid" TERM 10; fi
  done
}

# print_server_status NAME: prints one line; fails if the server is not ready.
print_server_status() {
  local name=$1 pid
  if ! pid=$(pid_of "$name"); then
    printf '%-9s stopped\n' "$name"
    return 1
  fi
  if "${name}_is_ready" "$pid"; then
    printf '%-9s serves, process %s\n' "$name" "$pid"
  else
    printf '%-9s does not answer, process %s\n' "$name" "$pid"
    return 1
  fi
}
