# shellcheck shell=bash
# Processes: whether one is alive, how to start one that outlives the script, how to stop one.

# read_stat PID: sets STAT to the fields of /proc/PID/stat from the state on, after the name, which may contain spaces.
read_stat() {
  { read -r STAT <"/proc/$1/stat"; } 2>/dev/null || return 1
  STAT=${STAT##*) }
}

# A zombie counts as ended: process 1 of a container may not reap it.
is_alive() { read_stat "$1" && [[ $STAT != [ZX]* ]]; }

is_suspended() { read_stat "$1" && [[ $STAT == T* ]]; }

resume_if_suspended() {
  local name=$1 pid=$2
  is_suspended "$pid" || return 0
  say "$name: resuming (process $pid was stopped by a signal)"
  kill -s CONT "$pid"
}

# An environment variable of every process that these scripts start, but not of a shell that sources .run/env. It
# identifies processes whose file in pids/ is missing.
PROCESS_MARK=DEPLOY_RUN_DIR

declare -A STARTED=()   # what this script has started and would stop on a failure: name -> process id
STARTED_ORDER=()

# launch NAME FUNCTION [ARGUMENT…]: starts a server or program that outlives the script. FUNCTION runs in a child
# process and ends with exec_in_session, so that the process id is the server's own.
launch() {
  local name=$1; shift
  mark_log_start "$name"
  (
    trap - INT QUIT                       # bash ignores these in background jobs
    cd "$ROOT" || exit
    close_inherited_files
    raise_file_limit
    export "$PROCESS_MARK=$RUN_DIR"
    "$@"
  ) </dev/null >>"$LOG_DIR/$name" 2>&1 &
  disown "$!"                             # otherwise bash reports its end
  STARTED[$name]=$!
  STARTED_ORDER+=("$name")
  printf '%s\n' "$!" >"$PID_DIR/$name"
}

# exec_in_session COMMAND…: replaces the shell by COMMAND in a session of its own, which Ctrl-C does not reach.
exec_in_session() {
  exec setsid "$@"
}

# A server must hold neither a caller's pipe nor the lock of the run folder open.
close_inherited_files() {
  local file fd
  for file in /proc/"$BASHPID"/fd/*; do
    fd=${file##*/}
    ((fd <= 2)) || exec {fd}>&-
  done
}

# Each connection is a file; the usual limit of 1,024 is too low. Erlang allocates a table of the size of the limit, so
# it is not unlimited.
raise_file_limit() {
  local hard
  hard=$(ulimit -Hn)
  if [[ $hard == unlimited ]] || ((hard > 65536)); then hard=65536; fi
  ulimit -Sn "$hard"
}

# keep_started [NAME…]: from now on a failure of the script does not stop these, by default all.
keep_started() {
  local name
  (($# > 0)) || set -- "${!STARTED[@]}"
  for name in "$@"; do unset "STARTED[$name]"; done
}

# stop_process NAME PID SIGNAL SECONDS: stops a process gracefully; kills it after SECONDS.
stop_process() {
  request_stop "$1" "$2" "$3"
  await_exit_or_kill "$1" "$2" "$4"
}

request_stop() {
  local name=$1 pid=$2 signal=$3
  is_alive "$pid" || return 0
  say "$name: stopping (process $pid)"
  kill -s "$signal" "$pid" 2>/dev/null || return 0
  kill -s CONT "$pid" 2>/dev/null || true   # a suspended process handles the signal only after it is resumed
}

await_exit_or_kill() {
  local name=$1 pid=$2 seconds=$3
  if await_exit "$pid" "$seconds"; then return 0; fi
  say "$name: still running after $seconds s; killing it (process $pid)"
  kill -s KILL "$pid" 2>/dev/null || return 0
  await_exit "$pid" 10 || fail "$name: process $pid does not end after SIGKILL; it probably waits for a disk. Run this command again when it has ended"
}

# await_exit PID SECONDS: fails if the process is alive after SECONDS.
await_exit() {
  local pid=$1 deadline=$((SECONDS + $2))
  while is_alive "$pid"; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.05
  done
}

# descendants PID: prints the child processes of PID, and their child processes.
descendants() {
  local pid parent before=''
  local -A parent_of=() found=(["$1"]=1)
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    read_stat "$pid" || continue
    read -r _ parent_of["$pid"] _ <<<"$STAT"
  done
  until [[ $before == "${#found[@]}" ]]; do
    before=${#found[@]}
    for pid in "${!parent_of[@]}"; do
      parent=${parent_of[$pid]}
      [[ -z ${found[$parent]:-} ]] || found[$pid]=1
    done
  done
  unset "found[$1]"
  ((${#found[@]} == 0)) || printf '%s\n' "${!found[@]}"
}
