# shellcheck shell=bash
# The processes of this copy: recognising them, stopping all of them, and undoing an incomplete start.

# is_own_process NAME PID: whether PID is this copy's server or program NAME. The id in pids/ alone is no proof: after a
# reboot it may be another program's. Servers are identified by their working folder, because Redis overwrites its
# environment; programs by their executable and PROCESS_MARK.
is_own_process() {
  local name=$1 pid=$2 file
  file=$(readlink "/proc/$pid/exe") || return 1
  file=${file% (deleted)}
  case $name in
    postgres) [[ ${file##*/} == postgres && /proc/$pid/cwd -ef $DATA_DIR/postgres ]] ;;
    redis)    [[ ${file##*/} == redis-* && /proc/$pid/cwd -ef $DATA_DIR/redis ]] ;;
    rabbitmq | rabbitmq-*) [[ ${file##*/} == beam.smp && /proc/$pid/cwd -ef $DATA_DIR/$name ]] ;;
    api | api-*) [[ ${file##*/} == ClaimAPI ]] && sees_run_dir "$pid" && environment_contains "$pid" "$PROCESS_MARK=$RUN_DIR" ;;
    worker-*) [[ ${file##*/} == ClaimWorker ]] && sees_run_dir "$pid" && environment_contains "$pid" "$PROCESS_MARK=$RUN_DIR" ;;
    *) return 1 ;;
  esac 2>/dev/null
}

# sees_run_dir PID: whether the path of the run folder is this folder for the process as well. In a container, or in
# another mount namespace, the same path may be the folder of another copy.
sees_run_dir() {
  [[ /proc/$1/root$RUN_DIR -ef $RUN_DIR ]]
}

# environment_contains PID NAME=VALUE…: whether the process has all of them. Without grep, whose arguments `ps` shows.
environment_contains() {
  local pid=$1 wanted entries=() all=$'\n'; shift
  { mapfile -d '' -t entries <"/proc/$pid/environ"; } 2>/dev/null || return 1
  printf -v all '\n%s' "${entries[@]}"
  for wanted in "$@"; do
    [[ $all$'\n' == *$'\n'"$wanted"$'\n'* ]] || return 1
  done
}

# pid_of NAME: prints the process id of a running server or program of this copy; fails if it does not run.
pid_of() {
  local pid
  { read -r pid <"$PID_DIR/$1"; } 2>/dev/null || return 1
  [[ $pid =~ ^[1-9][0-9]*$ ]] && is_alive "$pid" && is_own_process "$1" "$pid" && printf '%s\n' "$pid"
}

# is_running NAME: like pid_of, but also true for a process that was launched and has not yet executed its program.
is_running() {
  if [[ -n ${STARTED[$1]:-} ]]; then is_alive "${STARTED[$1]}"; else pid_of "$1" >/dev/null; fi
}

# has_died NAME: whether it was started and, without having been stopped, does not run. stop_… removes the file in pids/.
has_died() {
  [[ -e $PID_DIR/$1 ]] && ! pid_of "$1" >/dev/null
}

# leftover_processes: prints the running processes of this run folder, with or without a file in pids/.
leftover_processes() {
  local file pid name
  local -A found=()
  while IFS= read -r file; do
    pid=${file#/proc/} pid=${pid%/environ}
    if sees_run_dir "$pid"; then found[$pid]=1; fi
  done < <(grep -lszxF "$PROCESS_MARK=$RUN_DIR" /proc/[0-9]*/environ || true)
  for file in /proc/[0-9]*; do
    for name in "${SERVERS[@]}"; do
      if [[ $file/cwd -ef $DATA_DIR/$name ]] && is_own_process "$name" "${file#/proc/}"; then found[${file#/proc/}]=1; fi
    done
  done
  for pid in "${!found[@]}"; do
    if is_alive "$pid" && ! is_self_or_ancestor "$pid"; then printf '%s\n' "$pid"; fi
  done
}

# A test that carries PROCESS_MARK may run these scripts.
is_self_or_ancestor() {
  local pid=$BASHPID
  while ((pid > 1)); do
    [[ $pid != "$1" ]] || return 0
    read_stat "$pid" || return 1
    read -r _ pid _ <<<"$STAT"   # the parent
  done
  return 1
}

stop_leftover_processes() {
  local pid pids command
  pids=$(leftover_processes)
  for pid in $pids; do
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || continue   # it has ended
    request_stop "leftover process: ${command:0:60}" "$pid" TERM
  done
  for pid in $pids; do await_exit_or_kill "leftover process" "$pid" 5; done
}

stop_all() {
  stop_programs
  stop_servers "${STOP_ORDER[@]}"
  stop_leftover_processes
}

# undo_on_failure: the EXIT trap of a script that starts something. After a failure or an interruption it stops the build
# and what this script has started; what ran before keeps running.
undo_on_failure() {
  local status=$?
  set +e
  trap - ERR
  trap '' HUP INT TERM PIPE   # the clean-up runs once and to its end, even if no one reads the output
  if ((status != 0)); then
    stop_build
    stop_started
  fi
  exit "$status"
}

stop_started() {
  local i name
  ((${#STARTED[@]} > 0)) || return 0
  say "stopping what this command has started; data and logs are kept in $RUN_DIR"
  # shellcheck disable=SC2034  # stop_server in servers.sh reads it
  STOP_TIMEOUT=5   # no client uses these servers yet, and RabbitMQ does not handle signals while it boots
  for ((i = ${#STARTED_ORDER[@]} - 1; i >= 0; i--)); do
    name=${STARTED_ORDER[i]}
    [[ -n ${STARTED[$name]:-} ]] || continue
    case $name in
      api | worker-*) stop_program "$name" ;;
      *) stop_server "$name" ;;
    esac
  done
}

# exit_on_signals: makes signals end the script with the usual exit status, after its EXIT trap.
exit_on_signals() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}
