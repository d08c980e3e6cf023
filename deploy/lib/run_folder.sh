# shellcheck shell=bash
# The run folder holds everything that a copy writes:
#   pids/ logs/   one file for each server and program, under its name
#   conf/         the servers' configuration, written at each start
#   data/         one folder for each server
#   secrets       passwords, generated once
#   env           environment variables of the copy, to be sourced
#   token         the API key of an API that requires tokens
#   workers       the number of workers
#   brokers       the number of RabbitMQ nodes
#   admin-port    the first port of the admin listeners
#   bin/          rabbitmqctl and related tools for this copy's node
#   tools/        promtool, for the tests

# lock_run_dir: waits until no other deploy script uses the run folder. The lock is on the folder itself, so it needs
# no file. A script that holds the lock already keeps it.
LOCK=''
lock_run_dir() {
  if [[ -n $LOCK ]]; then return 0; fi
  while true; do
    mkdir -p "$RUN_DIR"
    exec {LOCK}<"$RUN_DIR"
    if ! flock -n "$LOCK"; then
      say "waiting for another deploy script that uses $RUN_DIR"
      flock -w 1800 "$LOCK" || fail "another deploy script has used $RUN_DIR for 30 minutes. Nothing was changed; run this command again when it has ended"
    fi
    # `down --purge` may have removed the folder during the wait. Then the lock is on a deleted folder.
    if [[ /proc/$$/fd/$LOCK -ef $RUN_DIR ]]; then return 0; fi
    unlock_run_dir
  done
}

unlock_run_dir() {
  exec {LOCK}<&-
  LOCK=''
}

prepare_run_dir() {
  mkdir -p "$PID_DIR" "$LOG_DIR" "$DATA_DIR" "$CONF_DIR" "$RUN_DIR/bin"
  if [[ ! -e $RUN_DIR/secrets ]]; then
    [[ -z $(ls -A "$DATA_DIR") ]] || fail "$RUN_DIR/secrets is missing; its passwords give access to the data in $DATA_DIR. Nothing was changed. Restore the file, or delete the data with deploy/down --purge"
    generate_secrets | write_private_file "$RUN_DIR/secrets"
  fi
  # shellcheck source=/dev/null
  source "$RUN_DIR/secrets"
}

# The values are hexadecimal, so that they need no quoting in URLs and configuration files.
generate_secrets() {
  shell_assignment POSTGRES_PASSWORD "$(random_hex 24)"
  shell_assignment REDIS_PASSWORD "$(random_hex 24)"
  shell_assignment RABBITMQ_PASSWORD "$(random_hex 24)"
  shell_assignment ERLANG_COOKIE "$(random_hex 24)"
  shell_assignment CLAIMS_ID_SECRET "$(random_hex 32)"   # the key of the MAC in claim ids
}

# random_hex BYTES
random_hex() {
  od -A n -v -t x1 -N "$1" /dev/urandom | tr -d ' \n'
}

# shell_assignment NAME VALUE: prints NAME='VALUE', quoted for a shell.
shell_assignment() {
  printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# write_private_file PATH: writes stdin to a file that only its owner can read, in one atomic step.
write_private_file() {
  (umask 077; cat >"$1.new")
  mv -f "$1.new" "$1"
}

database_url() { printf 'postgres://claims:%s@127.0.0.1:%s/claims' "$POSTGRES_PASSWORD" "$POSTGRES_PORT"; }
redis_url()    { printf 'redis://:%s@127.0.0.1:%s/0' "$REDIS_PASSWORD" "$REDIS_PORT"; }

# amqp_url: one URL for each node, separated by commas.
amqp_url() {
  local name urls=()
  for name in "${BROKER_NAMES[@]}"; do
    urls+=("amqp://claims:$RABBITMQ_PASSWORD@127.0.0.1:$(broker_port "$name")/claims")
  done
  (IFS=,; printf '%s' "${urls[*]}")
}

write_environment() {
  rabbitmq_write_tools
  {
    {
      shell_assignment CLAIMS_URL "http://127.0.0.1:$HTTP_PORT"
      shell_assignment DATABASE_URL "$(database_url)"
      shell_assignment REDIS_URL "$(redis_url)"
      shell_assignment AMQP_URL "$(amqp_url)"
      shell_assignment CLAIMS_ID_SECRET "$CLAIMS_ID_SECRET"
      # These make the scripts in deploy/ use this copy.
      shell_assignment CLAIMS_RUN_DIR "$RUN_DIR"
      shell_assignment CLAIMS_HTTP_PORT "$HTTP_PORT"
      shell_assignment CLAIMS_POSTGRES_PORT "$POSTGRES_PORT"
      shell_assignment CLAIMS_REDIS_PORT "$REDIS_PORT"
      shell_assignment CLAIMS_AMQP_PORT "$AMQP_PORT"
      if [[ -s $RUN_DIR/token ]]; then
        shell_assignment CLAIMS_AUTH required
        shell_assignment CLAIMS_TOKEN "$(cat "$RUN_DIR/token")"
      fi
      rabbitmq_tools_environment
    } | sed 's/^/export /'
    printf "export PATH='%s':\"\$PATH\"\n" "$PROGRAM_DIR:$RUN_DIR/bin"
  } | write_private_file "$RUN_DIR/env"
}

# load_environment: exports the variables of the copy, for a program.
load_environment() {
  # A shell that has sourced the file of an API that required tokens still has these.
  if [[ ! -s $RUN_DIR/token && -n ${CLAIMS_TOKEN:-} ]]; then unset CLAIMS_AUTH CLAIMS_TOKEN; fi
  set -a
  # shellcheck source=/dev/null
  source "$RUN_DIR/env"
  set +a
}

# purge_run_dir: removes what the scripts wrote, and the folder if it contains nothing else.
purge_run_dir() {
  local name
  for name in pids logs data conf bin tools secrets env token workers brokers admin-port prometheus-targets.json \
    test-run benchmark-run benchmark; do
    rm -rf "${RUN_DIR:?}/$name"
  done
  rmdir "$RUN_DIR" 2>/dev/null || true
}
