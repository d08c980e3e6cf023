# shellcheck shell=bash
# Starting what outlives us, and taking it back when we fail.

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
