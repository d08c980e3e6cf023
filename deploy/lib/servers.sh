# shellcheck shell=bash
# The servers: PostgreSQL, Redis, and one or three nodes of RabbitMQ. Each kind has its own file with functions of the same
# form, whose first argument is the name of the server:
#   KIND_locate     finds the installed server, or fails      KIND_ports         lists "PORT SETTING" for each port it uses
#   KIND_prepare    creates the data for the first start      KIND_run           executes the server
#   KIND_configure  writes the configuration                  KIND_is_ready NAME PID  whether it serves clients

START_TIMEOUT=60   # seconds
STOP_TIMEOUT=30
BROKER_STARTED=no  # whether this script has started a node of RabbitMQ

declare -A STOP_SIGNAL=([postgres]=INT [redis]=TERM [rabbitmq]=TERM)   # INT is PostgreSQL's fast shutdown

# list_servers: sets SERVERS and STOP_ORDER. Servers start at the same time; RabbitMQ takes longest.
list_servers() {
  SERVERS=("${BROKER_NAMES[@]}" postgres redis)
  # shellcheck disable=SC2034  # copy.sh reads it
  STOP_ORDER=("${BROKER_NAMES[@]}" redis postgres)
}

# kind_of NAME: prints rabbitmq for rabbitmq-2.
kind_of() { printf '%s' "${1%%-*}"; }

# step NAME FUNCTION [ARGUMENT…]: calls the function of the server's kind.
step() { "$(kind_of "$1")_$2" "$1" "${@:3}"; }

# start_servers NAME…: starts those that do not run, and waits until all are ready.
start_servers() {
  local name first=() joining=()
  for name in "$@"; do
    step "$name" locate
    if must_join "$name"; then joining+=("$name"); else first+=("$name"); fi
  done
  for name in "${first[@]}"; do start_server "$name"; done
  await_servers "${first[@]}"
  if ((${#joining[@]} > 0)); then
    pid_of rabbitmq >/dev/null || fail "${joining[*]} must join the cluster of rabbitmq, which does not run. Nothing was changed. Run 'deploy/server start rabbitmq' first"
    for name in "${joining[@]}"; do start_server "$name"; done
    await_servers "${joining[@]}"
  fi
  write_environment
  if ((BROKERS > 1)) && [[ $BROKER_STARTED == yes ]]; then complete_cluster; fi
}

# start_server NAME: does not wait until it is ready.
start_server() {
  local name=$1 before after pid
  step "$name" prepare
  before=$(configuration_checksum "$name")
  step "$name" configure
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
  launch "$name" "$(kind_of "$name")_run" "$name"
  [[ $(kind_of "$name") != rabbitmq ]] || BROKER_STARTED=yes
}

# prepare_restart NAME: stops processes of an earlier server that would block a new one, and checks that its ports are free.
prepare_restart() {
  local port setting
  stop_orphans "$1"
  while read -r port setting; do require_free_port "$port" "$setting"; done < <(step "$1" ports)
}

# check_server_ports: reports a port that is in use before the long steps.
check_server_ports() {
  local name
  for name in "${SERVERS[@]}"; do
    pid_of "$name" >/dev/null || prepare_restart "$name"
  done
}

configuration_checksum() {
  { cat "$CONF_DIR/$1.conf" "$CONF_DIR/$(kind_of "$1")-"{plugins,advanced.config} 2>/dev/null || true; } | cksum
}

# await_servers NAME…: waits for all at the same time, so that the end of one is noticed while another starts.
await_servers() {
  local names=("$@") waiting name pid deadline=$((SECONDS + START_TIMEOUT))
  while true; do
    waiting=()
    for name in "${names[@]}"; do
      pid=${STARTED[$name]:-$(pid_of "$name")} || pid=none
      if step "$name" is_ready "$pid"; then
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
  if pid=${STARTED[$name]:-$(pid_of "$name")}; then stop_process "$name" "$pid" "${STOP_SIGNAL[$(kind_of "$name")]}" "$STOP_TIMEOUT"; fi
  unset "STARTED[$name]"
  rm -f "$PID_DIR/$name"
  [[ $(kind_of "$name") != rabbitmq ]] || stop_epmd
}

# stop_servers NAME…: asks the nodes of a cluster to stop before it waits for the first. Otherwise the last one would be in
# a minority and pause.
stop_servers() {
  local name pid
  for name in "$@"; do
    [[ $(kind_of "$name") == rabbitmq ]] || continue
    if pid=${STARTED[$name]:-$(pid_of "$name")}; then request_stop "$name" "$pid" TERM; fi
  done
  for name in "$@"; do stop_server "$name"; done
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
    printf '%-10s stopped\n' "$name"
    return 1
  fi
  if step "$name" is_ready "$pid"; then
    printf '%-10s serves, process %s\n' "$name" "$pid"
  else
    printf '%-10s does not answer, process %s\n' "$name" "$pid"
    return 1
  fi
}
