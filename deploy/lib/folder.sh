# shellcheck shell=bash
# The run folder: everything that a copy writes lies in it.
#   pids/ logs/   a file a server or program, under its name     conf/     the servers' configuration, made anew at each start
#   data/         a folder a server                              secrets   passwords, made once
#   env           to source: how to reach all of it              workers   how many there are to be
#   bin/          rabbitmqctl and its sisters for our node

# Two at work on one folder would start everything twice. The lock is the folder itself, so it leaves no file behind.
# A script that has it already keeps it: waiting for oneself has no end.
LOCK=''
lock_run_dir() {
  if [[ -n $LOCK ]]; then return 0; fi
  while true; do
    mkdir -p "$RUN_DIR"
    exec {LOCK}<"$RUN_DIR"
    if ! flock -n "$LOCK"; then
      say "another deploy script is at work on $RUN_DIR; waiting for it"
      flock -w 1800 "$LOCK" || fail "another deploy script has been at work on $RUN_DIR for half an hour"
    fi
    # `down --purge` may have removed the folder that we were waiting for; then this lock is worth nothing.
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
    [[ -z $(ls -A "$DATA_DIR") ]] || fail "$RUN_DIR/secrets is gone, and without its passwords the data in $DATA_DIR cannot be reached; put it back, or start afresh with deploy/down --purge"
    make_secrets | private_file "$RUN_DIR/secrets"
  fi
  # shellcheck source=/dev/null
  source "$RUN_DIR/secrets"
}

# They are hexadecimal, so that they need no quoting in a URL or a configuration file.
make_secrets() {
  assignment POSTGRES_PASSWORD "$(random_hex 24)"
  assignment REDIS_PASSWORD "$(random_hex 24)"
  assignment RABBITMQ_PASSWORD "$(random_hex 24)"
  assignment ERLANG_COOKIE "$(random_hex 24)"
  assignment CLAIMS_ID_SECRET "$(random_hex 32)"   # signs the ids of claims
}

random_hex() {
  od -A n -v -t x1 -N "$1" /dev/urandom | tr -d ' \n'
}

assignment() {
  printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# private_file PATH: stdin becomes the file, for its owner's eyes only; whole or not at all.
private_file() {
  (umask 077; cat >"$1.new")
  mv -f "$1.new" "$1"
}

database_url() { printf 'postgres://claims:%s@127.0.0.1:%s/claims' "$POSTGRES_PASSWORD" "$POSTGRES_PORT"; }
redis_url()    { printf 'redis://:%s@127.0.0.1:%s/0' "$REDIS_PASSWORD" "$REDIS_PORT"; }
amqp_url()     { printf 'amqp://claims:%s@127.0.0.1:%s/claims' "$RABBITMQ_PASSWORD" "$AMQP_PORT"; }

write_environment() {
  rabbitmq_write_tools
  {
    {
      assignment CLAIMS_URL "http://127.0.0.1:$HTTP_PORT"
      assignment DATABASE_URL "$(database_url)"
      assignment REDIS_URL "$(redis_url)"
      assignment AMQP_URL "$(amqp_url)"
      assignment CLAIMS_ID_SECRET "$CLAIMS_ID_SECRET"
      # With these the scripts in deploy/ mean this copy, too.
      assignment CLAIMS_RUN_DIR "$RUN_DIR"
      assignment CLAIMS_HTTP_PORT "$HTTP_PORT"
      assignment CLAIMS_POSTGRES_PORT "$POSTGRES_PORT"
      assignment CLAIMS_REDIS_PORT "$REDIS_PORT"
      assignment CLAIMS_AMQP_PORT "$AMQP_PORT"
      rabbitmq_tools_environment
    } | sed 's/^/export /'
    printf "export PATH='%s':\"\$PATH\"\n" "$PROGRAM_DIR:$RUN_DIR/bin"
  } | private_file "$RUN_DIR/env"
}

# Removes what these scripts have made, and the folder if nothing else lies in it.
purge_run_dir() {
  local name
  for name in pids logs data conf bin secrets env workers of-tests; do
    rm -rf "${RUN_DIR:?}/$name"
  done
  rmdir "$RUN_DIR" 2>/dev/null || true
}
