# shellcheck shell=bash
# The copy that a benchmark measures: it is started, emptied, loaded with other programs, and deleted at the end.

# shellcheck disable=SC2034  # the scripts add it to PACKAGES
BENCHMARK_PACKAGES=(wrk gcc libc6-dev jq)

# read_benchmark_settings: the benchmarks use their own ports and folder.
read_benchmark_settings() {
  read_settings 20080 27432 28380 28673 .run-bench
  # The folder is deleted at the end, so it must not be that of a copy in use.
  [[ ! -e $RUN_DIR || -e $RUN_DIR/benchmark-run ]] || usage_error "$RUN_DIR is not a run folder of benchmarks. Nothing was changed; set CLAIMS_RUN_DIR to a new folder"
  export CLAIMS_RUN_DIR=$RUN_DIR CLAIMS_HTTP_PORT=$HTTP_PORT CLAIMS_POSTGRES_PORT=$POSTGRES_PORT \
    CLAIMS_REDIS_PORT=$REDIS_PORT CLAIMS_AMQP_PORT=$AMQP_PORT
  mkdir -p "$RUN_DIR"
  touch "$RUN_DIR/benchmark-run"
}

print_benchmark_settings_help() { print_settings_help 20080 27432 28380 28673 .run-bench; }

# start_copy [OPTION…]: starts the servers and builds the programs; the options are those of deploy/up. At the end of the
# script the copy is deleted; after a failure its logs are kept. Sets WORK, a folder for intermediate results.
start_copy() {
  keep_terminal
  trap delete_copy EXIT
  exit_on_signals
  "$DEPLOY_DIR/down" --purge >&2
  mkdir -p "$RUN_DIR"
  touch "$RUN_DIR/benchmark-run"
  "$DEPLOY_DIR/up" --workers 0 "$@" >&2
  set_brokers "$(cat "$RUN_DIR/brokers")"
  lock_run_dir
  prepare_run_dir
  load_environment
  raise_file_limit
  WORK=$RUN_DIR/benchmark
  mkdir -p "$WORK"
  locate_tools
}

# replace_copy [OPTION…]: deletes the copy and starts another one, with its own options. The figures in RESULTS stay.
replace_copy() {
  local figures
  figures=$(cat "$RESULTS")
  unlock_run_dir
  start_copy "$@"
  printf '%s\n' "$figures" >"$RESULTS"
}

delete_copy() {
  local status=$?
  exec 2>&"$TERMINAL"   # the failed command may have written to a file
  trap '' HUP INT TERM
  [[ -z $LOCK ]] || unlock_run_dir
  if ((status == 0)); then
    "$DEPLOY_DIR/down" --purge >&2 || true
  else
    show_log_end
    "$DEPLOY_DIR/down" >&2 || true
    say "failed; the logs are kept in $LOG_DIR and $RUN_DIR/benchmark"
  fi
  exit "$status"
}

sql() { PGCONNECT_TIMEOUT=10 "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -v ON_ERROR_STOP=1 -c "$1"; }

# locate_tools: finds PostgreSQL's clients, which are not on PATH, and the load generator, and compiles the raw publisher.
locate_tools() {
  GENERATOR=$PROGRAM_DIR/claimbench
  PGBENCH=$(find /usr/lib/postgresql -name pgbench | sort -V | tail -n 1)
  PSQL=$(dirname "$PGBENCH")/psql
  cc -O2 -o "$WORK/raw_publish" "$DEPLOY_DIR/benchmarks/raw_publish.c" -lrabbitmq
}

# restart_empty FOLDER: replaces the programs by those of FOLDER, on empty stores, so that each round begins in the same
# state and programs with another schema can follow. The queues are empty already: each stage waits for its claims.
restart_empty() {
  local user_password=${REDIS_URL#redis://:}
  PROGRAM_DIR=$1
  {
    stop_programs
    sql 'drop owned by current_user cascade'
    REDISCLI_AUTH=${user_password%%@*} redis-cli -p "$REDIS_PORT" flushall
    migrate
    start_api
  } >>"$WORK/log" 2>&1
  keep_started
  warm_up
}

# warm_up: a program that was just started is slower: its first requests fill caches and pools.
warm_up() {
  coupons W 8
  post W 8 "$warm_up_claims"
  workers 1
  await_decided W
  workers 0
}

# workers N: starts or stops workers. It does not wait until they work, because the questions would cost CPU time too.
workers() {
  local i name
  for name in $(worker_names | sort -rV); do
    ((${name#worker-} <= $1)) || stop_program "$name" 2>>"$WORK/log"
  done
  for ((i = 1; i <= $1; i++)); do start_program "worker-$i" ClaimWorker 2>>"$WORK/log"; done
  keep_started
}

# coupons PREFIX COUNT: creates coupons that are never sold out.
coupons() {
  sql "insert into coupons (name, amount, remaining_amount)
       select '$1_' || n, 1000000000, 1000000000 from generate_series(0, $2 - 1) n"
}

# decided PREFIX: prints the number of coupons that are claimed. Reading a sum costs less than counting claims.
decided() { sql "select coalesce(sum(amount - remaining_amount), 0) from coupons where name like '$1\\_%'"; }

# await_decided PREFIX [COUNT]: waits until COUNT claims, by default those of the last post, are decided. The server itself looks, ten times a second,
# because each new connection of psql costs it as much CPU time as hundreds of claims.
await_decided() {
  local prefix=$1 count=${2:-$(accepted_claims)} end=$((SECONDS + 600)) name
  until (($(sql "do \$\$ begin
      for i in 1 .. 100 loop
        exit when (select sum(amount - remaining_amount) from coupons where name like '$prefix\\_%') >= $count;
        perform pg_sleep(0.1);
      end loop; end \$\$" && decided "$prefix") >= count)); do
    for name in $(worker_names); do
      is_running "$name" || fail_with_log "$name" "$name has ended during the benchmark"
    done
    ((SECONDS < end)) || fail "$count claims for the coupons $prefix were not decided within 10 minutes; the benchmark is incomplete"
  done
}
