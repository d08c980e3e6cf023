# shellcheck shell=bash
# The copy that a proof disturbs: started in a network namespace of its own, under load, and deleted at the end.

PROOF_WORKERS=3
START_TIMEOUT=240   # seconds; a node starts slowly while the load uses the processors

# read_proof_settings: the proofs use their own ports and folder.
read_proof_settings() {
  read_settings 19080 26432 27380 29973 .run-prove
  # The folder is deleted at the end, so it must not be that of a copy in use.
  [[ ! -e $RUN_DIR || -e $RUN_DIR/proof-run ]] || usage_error "$RUN_DIR is not a run folder of proofs. Nothing was changed; set CLAIMS_RUN_DIR to a new folder"
  export CLAIMS_RUN_DIR=$RUN_DIR CLAIMS_HTTP_PORT=$HTTP_PORT CLAIMS_POSTGRES_PORT=$POSTGRES_PORT \
    CLAIMS_REDIS_PORT=$REDIS_PORT CLAIMS_AMQP_PORT=$AMQP_PORT
}

print_proof_settings_help() { print_settings_help 19080 26432 27380 29973 .run-prove; }

# enter_network_namespace SCRIPT ARGUMENT…: runs the script again in a network namespace of its own that has only
# loopback. A firewall rule there has no effect on this machine. Packages and the build need the network, so they come
# first. Needs root.
enter_network_namespace() {
  [[ -z ${CLAIMS_PROOF_NAMESPACE:-} ]] || return 0
  mkdir -p "$RUN_DIR"
  touch "$RUN_DIR/proof-run"
  require_swift
  PACKAGES+=(python3 jq iproute2 nftables)
  install_packages
  prepare_run_dir
  trap stop_build EXIT
  exit_on_signals
  start_build programs
  finish_build
  trap - EXIT
  if ! unshare --net true 2>/dev/null; then
    say "partition: NOT TESTED, because no network namespace can be made; run this command as root"
    export CLAIMS_PROOF_NAMESPACE=none
    return 0
  fi
  export CLAIMS_PROOF_NAMESPACE=own
  # shellcheck disable=SC2016  # expanded by the inner shell
  exec unshare --net bash -c 'ip link set lo up && exec "$@"' bash "$@"
}

# run_proof ARGUMENT…: runs the script again with these arguments. It is ended with this script.
run_proof() {
  PROOF_PID=''
  trap stop_proof EXIT
  exit_on_signals
  "$0" "$@" &
  PROOF_PID=$!
  wait "$PROOF_PID"
  PROOF_PID=''
}

stop_proof() {
  local status=$?
  if [[ -n $PROOF_PID ]]; then
    kill -s TERM "$PROOF_PID" 2>/dev/null || true
    wait "$PROOF_PID" || true
  fi
  exit "$status"
}

# start_proof_copy BROKERS: at the end of the script the copy is deleted; after a failure its logs are kept. Sets WORK, a
# folder for intermediate results.
start_proof_copy() {
  keep_terminal
  trap delete_proof_copy EXIT
  exit_on_signals
  "$DEPLOY_DIR/down" --purge >&2
  remove_disk
  mkdir -p "$RUN_DIR"
  touch "$RUN_DIR/proof-run"
  "$DEPLOY_DIR/up" --workers "$PROOF_WORKERS" --brokers "$1" >&2
  set_brokers "$1"
  lock_run_dir
  prepare_run_dir
  load_environment
  rabbitmq_locate
  WORK=$RUN_DIR/proof
  rm -rf "$WORK"
  mkdir -p "$WORK"
  PSQL=$(printf '%s\n' /usr/lib/postgresql/*/bin/psql | sort -V | tail -n 1)
}

delete_proof_copy() {
  local status=$?
  exec 2>&"$TERMINAL"   # the failed command may have written to a file
  set +e
  trap - ERR
  trap '' HUP INT TERM PIPE
  [[ -z ${LOAD_PID:-} ]] || kill -s KILL "$LOAD_PID" 2>/dev/null
  [[ ${CLAIMS_PROOF_NAMESPACE:-} != own ]] || nft flush ruleset
  resume_all
  [[ -z $LOCK ]] || unlock_run_dir
  if ((status == 0)); then
    "$DEPLOY_DIR/down" --purge >&2
    remove_disk
    rm -rf "$RUN_DIR/proof" "$RUN_DIR/proof-run"
    rmdir "$RUN_DIR" 2>/dev/null
  else
    show_log_end
    "$DEPLOY_DIR/down" >&2
    say "failed; the logs are kept in $LOG_DIR and $RUN_DIR/proof"
  fi
  exit "$status"
}

# resume_all: a frozen process handles no signal to stop.
resume_all() {
  local name pid
  for name in api $(worker_names) "${SERVERS[@]}"; do
    if pid=$(pid_of "$name"); then kill -s CONT "$pid" 2>/dev/null; fi
  done
}

sql() { PGCONNECT_TIMEOUT=10 "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -F $'\t' -v ON_ERROR_STOP=1 -c "$1"; }

# restore NAME: starts a server or a program that does not run, and waits until it is ready.
restore() {
  case $1 in
    api | worker-*)
      launch_program "$1"
      [[ $1 != api ]] || await_api "$READINESS_TIMEOUT" || fail_with_log api "api: GET /readyz is not 200 after $READINESS_TIMEOUT s"
      ;;
    *) start_servers "$1" ;;
  esac
  keep_started "$1"
} >>"$WORK/log" 2>&1
