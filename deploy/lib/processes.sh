# shellcheck shell=bash
# Starting, recognising and ending processes. A process id alone proves nothing: after a reboot it may be anyone's.

# In the environment of everything that these scripts start (and in no shell that sources .run/env), so that
# what was lost sight of can still be found.
MARK=DEPLOY_RUN_DIR

declare -A STARTED=()   # what this invocation started: name -> process id
STARTED_ORDER=()

# launch NAME FUNCTION [ARGUMENT…]: starts a server or program that outlives us. FUNCTION runs in a child process and
# must end in `become`, so that the process id is the server's own.
launch() {
  local name=$1; shift
  log_begins "$name"
  (
    trap - INT QUIT                       # bash lets its background jobs ignore these
    cd "$ROOT"
    close_inherited_files
    raise_file_limit
    export "$MARK=$RUN_DIR"
    "$@"
  ) </dev/null >>"$LOG_DIR/$name" 2>&1 &
  disown "$!"   # or bash would comment on its end
  STARTED[$name]=$!
  STARTED_ORDER+=("$name")
  printf '%s\n' "$!" >"$PID_DIR/$name"
}

# The end of a script that starts something: if it failed or was interrupted, nothing that it began stays half running.
undo_unless_done() {
  local status=$?
  set +e
  trap - ERR
  trap '' INT TERM PIPE   # once is enough, and it is done though nobody reads about it
  STOP_PATIENCE=5    # nobody has used it yet, and RabbitMQ is deaf while it boots
  ((status == 0)) || stop_started
  exit "$status"
}

stop_started() {
  local i name
  for ((i = ${#STARTED_ORDER[@]} - 1; i >= 0; i--)); do
    name=${STARTED_ORDER[i]}
    [[ -n ${STARTED[$name]:-} ]] || continue
    case $name in
      api | worker-*) stop_program "$name" ;;
      *) stop_server "$name" ;;
    esac
  done
}

# From now on it lives on by itself, and its process id may change without us.
release_started() {
  STARTED=() STARTED_ORDER=()
}

# become COMMAND…: the last step of a launched function. A session of its own: no terminal's Ctrl-C reaches it.
become() {
  exec setsid "$@"
}

# A caller who waits for the end of a pipe must not wait for our servers, nor may they hold the lock.
close_inherited_files() {
  local file fd
  for file in /proc/"$BASHPID"/fd/*; do
    fd=${file##*/}
    ((fd <= 2)) || exec {fd}>&-
  done
}

# Every connection is a file; the usual 1,024 are few. Not unlimited: Erlang lays out a table of that size.
raise_file_limit() {
  local hard
  hard=$(ulimit -Hn)
  if [[ $hard == unlimited ]] || ((hard > 65536)); then hard=65536; fi
  ulimit -Sn "$hard"
}

# A zombie is dead, also where process 1 does not bury it.
lives() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }   # past the name, which may hold anything
  [[ $stat != [ZX]* ]]
}

is_frozen() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  [[ $stat == T* ]]
}

# belongs_to NAME PID: is that process really this copy's server or program? The servers are known by the folder
# that they work in (Redis overwrites its environment), the programs by their file and our mark.
belongs_to() {
  local name=$1 pid=$2 file
  file=$(readlink "/proc/$pid/exe") || return 1
  file=${file% (deleted)}
  case $name in
    postgres) [[ ${file##*/} == postgres && /proc/$pid/cwd -ef $DATA_DIR/postgres ]] ;;
    redis)    [[ ${file##*/} == redis-* && /proc/$pid/cwd -ef $DATA_DIR/redis ]] ;;
    rabbitmq) [[ ${file##*/} == beam.smp && /proc/$pid/cwd -ef $DATA_DIR/rabbitmq ]] ;;
    api)      [[ ${file##*/} == ClaimAPI ]] && has_in_environment "$pid" "$MARK=$RUN_DIR" ;;
    worker-*) [[ ${file##*/} == ClaimWorker ]] && has_in_environment "$pid" "$MARK=$RUN_DIR" ;;
    *) return 1 ;;
  esac 2>/dev/null
}

# has_in_environment PID NAME=VALUE…: all of them. In bash, because a grep would show the values to `ps`.
has_in_environment() {
  local pid=$1 wanted entries=(); shift
  { mapfile -d '' -t entries <"/proc/$pid/environ"; } 2>/dev/null || return 1
  local all=$'\n'; printf -v all '\n%s' "${entries[@]}"
  for wanted in "$@"; do
    [[ $all$'\n' == *$'\n'"$wanted"$'\n'* ]] || return 1
  done
}

# pid_of NAME: prints the process id of a server or program of this copy that lives; fails if there is none.
pid_of() {
  local pid
  { read -r pid <"$PID_DIR/$1"; } 2>/dev/null || return 1
  [[ $pid =~ ^[1-9][0-9]*$ ]] && lives "$pid" && belongs_to "$1" "$pid" && printf '%s\n' "$pid"
}

# is_running NAME: what was launched a moment ago may not have become itself yet; then its process has to do.
is_running() {
  if [[ -n ${STARTED[$1]:-} ]]; then lives "${STARTED[$1]}"; else pid_of "$1" >/dev/null; fi
}

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

# Everything of this run folder that still lives, whether or not a file in pids/ knows it.
stragglers() {
  local file pid name
  local -A found=()
  while IFS= read -r file; do
    file=${file#/proc/}
    found[${file%/environ}]=1
  done < <(grep -lszxF "$MARK=$RUN_DIR" /proc/[0-9]*/environ || true)
  for file in /proc/[0-9]*; do
    for name in postgres redis rabbitmq; do
      if [[ $file/cwd -ef $DATA_DIR/$name ]] && belongs_to "$name" "${file#/proc/}"; then found[${file#/proc/}]=1; fi
    done
  done
  for pid in "${!found[@]}"; do
    if lives "$pid" && ! is_one_of_us "$pid"; then printf '%s\n' "$pid"; fi
  done
}

# These scripts may themselves run under a test that carries the mark.
is_one_of_us() {
  local pid=$BASHPID
  while ((pid > 1)); do
    [[ $pid != "$1" ]] || return 0
    pid=$(parent_of "$pid") || return 1
  done
  return 1
}

parent_of() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  cut -d ' ' -f 2 <<<"$stat"
}

end_stragglers() {
  local pid pids command
  pids=$(stragglers)
  for pid in $pids; do
    command=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || continue   # it is gone
    ask_to_end "left over: ${command:0:60}" "$pid" TERM
  done
  for pid in $pids; do see_it_end "left over" "$pid" 5; done
}
