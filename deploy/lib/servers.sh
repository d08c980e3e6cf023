# shellcheck shell=bash
# The three servers, alike. Each has its own file, with functions under its name:
#   _find       finds what is installed, or fails         _ports        lists "PORT SETTING" for each port that it takes
#   _prepare    makes what the first start needs          _run          becomes the server
#   _configure  writes its configuration                  _answers PID  does it serve?

SERVERS=(rabbitmq postgres redis)   # they start side by side; RabbitMQ takes longest
STOP_ORDER=(rabbitmq redis postgres)
START_DEADLINE=60
STOP_PATIENCE=30

declare -A STOP_SIGNAL=([postgres]=INT [redis]=TERM [rabbitmq]=TERM)   # for PostgreSQL: a fast shutdown

# start_servers NAME…: starts what does not run, and waits until all of them serve.
start_servers() {
  local name
  for name in "$@"; do "${name}_find"; done
  for name in "$@"; do launch_server "$name"; done
  await_servers "$@"
  write_environment
}

launch_server() {
  local name=$1 before after pid
  "${name}_prepare"
  before=$(configuration_of "$name")
  "${name}_configure"
  after=$(configuration_of "$name")

  if pid=$(pid_of "$name"); then
    if [[ $before == "$after" ]]; then
      resume_if_frozen "$name" "$pid"
      return 0
    fi
    say "$name: its settings have changed"
    stop_server "$name"
  fi

  make_room_for "$name"
  say "$name: starting"
  launch "$name" "${name}_run"
}

# make_room_for NAME: nothing that we left behind is in its way, and nobody else is.
make_room_for() {
  local port setting
  end_orphans "$1"
  while read -r port setting; do require_free_port "$port" "$setting"; done < <("$1_ports")
}

# Before the long steps: a port that is taken is better known now than after the build.
make_room_for_servers() {
  local name
  for name in "${SERVERS[@]}"; do
    pid_of "$name" >/dev/null || make_room_for "$name"
  done
}

configuration_of() {
  { cat "$CONF_DIR/$1"* 2>/dev/null || true; } | cksum
}

# All at once, so that one that ends is noticed while another is still on its way.
await_servers() {
  local names=("$@") waiting name pid deadline=$((SECONDS + START_DEADLINE))
  while true; do
    waiting=()
    for name in "${names[@]}"; do
      pid=${STARTED[$name]:-$(pid_of "$name")} || pid=none
      if "${name}_answers" "$pid"; then
        say "$name: $([[ -n ${STARTED[$name]:-} ]] && printf serves || printf healthy) (process $pid)"
        continue
      fi
      lives "$pid" || fail_with_log "$name" "$name ended while it was starting"
      ((SECONDS < deadline)) || fail_with_log "$name" "$name (process $pid) does not answer after $START_DEADLINE s"
      waiting+=("$name")
    done
    ((${#waiting[@]} > 0)) || return 0
    names=("${waiting[@]}")
    sleep 0.1
  done
}

stop_server() {
  local name=$1 pid
  if pid=${STARTED[$name]:-$(pid_of "$name")}; then end_process "$name" "$pid" "${STOP_SIGNAL[$name]}" "$STOP_PATIENCE"; fi
  unset "STARTED[$name]"
  rm -f "$PID_DIR/$name"
  [[ $name != rabbitmq ]] || stop_epmd
}

# What a killed postmaster leaves behind holds its shared memory for a moment, and a server whose file in pids/ was
# lost holds its data: neither lets another one start.
end_orphans() {
  local name=$1 file pid patience=$((SECONDS + 2))
  for file in /proc/[0-9]*; do
    pid=${file#/proc/}
    [[ $file/cwd -ef $DATA_DIR/$name ]] || continue   # quick, and sorts out all but a few
    belongs_to "$name" "$pid" || continue
    while lives "$pid" && ((SECONDS < patience)); do sleep 0.05; done
    lives "$pid" || continue
    # QUIT is PostgreSQL's way to end now and recover later, for a postmaster and its children alike.
    if [[ $name == postgres ]]; then end_process "$name, left over" "$pid" QUIT 10; else end_process "$name, left over" "$pid" TERM 10; fi
  done
}

resume_if_frozen() {
  local name=$1 pid=$2
  is_frozen "$pid" || return 0
  say "$name: was stopped by a signal; it goes on"
  kill -s CONT "$pid"
}

# server_status NAME: one line; fails if it does not run.
server_status() {
  local name=$1 pid
  if ! pid=$(pid_of "$name"); then
    printf '%-9s stopped\n' "$name"
    return 1
  fi
  if "${name}_answers" "$pid"; then
    printf '%-9s serves, process %s\n' "$name" "$pid"
  else
    printf '%-9s does not answer, process %s\n' "$name" "$pid"
    return 1
  fi
}
