# shellcheck shell=bash
# A streaming replica of PostgreSQL on this machine, and what an operator does with it. The primary is the copy's server.

# configure_primary NAME VALUE: changes a setting of the primary that needs no restart.
configure_primary() {
  printf "%s = '%s'\n" "$1" "$2" >>"$DATA_DIR/postgres/postgresql.auto.conf"
  kill -s HUP "$(require_pid postgres)"
}

# permit_replication: creates a role that may read the log and take base backups. No one can log in as superuser, so the
# server is stopped for that.
permit_replication() {
  REPLICATION_PASSWORD=$(random_hex 16)
  stop_server postgres
  "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" --single -D "$DATA_DIR/postgres" -c exit_on_error=on postgres >>"$WORK/log" 2>&1 <<SQL
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$REPLICATION_PASSWORD'
GRANT pg_monitor TO claims
SQL
  printf 'host replication replicator 127.0.0.1/32 scram-sha-256\n' >>"$DATA_DIR/postgres/pg_hba.conf"
}

# base_backup FOLDER OPTION…: takes a base backup of the primary.
base_backup() {
  local folder=$1
  shift
  PGPASSWORD=$REPLICATION_PASSWORD "${AS_POSTGRES[@]}" "$POSTGRES_BIN/pg_basebackup" --pgdata "$folder" --checkpoint fast \
    --host 127.0.0.1 --port "$POSTGRES_PORT" --username replicator --no-password "$@" >>"$WORK/log" 2>&1 ||
    fail "pg_basebackup has failed" "$WORK/log"
}

# start_replica synchronous|asynchronous
start_replica() {
  REPLICA_PORT=$((POSTGRES_PORT + 1)) REPLICA_DATA=$DATA_DIR/postgres-replica
  require_free_port "$REPLICA_PORT" CLAIMS_POSTGRES_PORT
  postgres_locate
  choose_postgres_user
  say "postgres: creating a replica, $1"
  permit_replication
  start_servers postgres 2>>"$WORK/log"
  keep_started
  install_folder "$REPLICA_DATA"
  base_backup "$REPLICA_DATA" --write-recovery-conf --create-slot --slot replica
  launch postgres-replica replica_run
  keep_started postgres-replica
  [[ $1 == asynchronous ]] || configure_primary synchronous_standby_names replica
  await_replication "$([[ $1 == synchronous ]] && printf sync || printf async)"
}

# install_folder PATH: creates an empty folder of user postgres.
install_folder() {
  mkdir -m 700 "$1"
  ((EUID != 0)) || chown postgres:postgres "$1"
}

replica_run() {
  cd "$REPLICA_DATA" || exit
  exec_in_session "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" -D "$REPLICA_DATA" -c "config_file=$CONF_DIR/postgres.conf" \
    -c "port=$REPLICA_PORT" -c cluster_name=replica
}

replica_pid() { head -n 1 "$REPLICA_DATA/postmaster.pid"; }

# replica_sql STATEMENT: asks the replica itself, in whatever state it is.
replica_sql() {
  "$PSQL" "postgres://claims:$POSTGRES_PASSWORD@127.0.0.1:$REPLICA_PORT/claims" --no-psqlrc -qAtX -v ON_ERROR_STOP=1 -c "$1"
}

# await_replication sync|async: waits until the primary streams to the replica in this way.
await_replication() {
  local end=$((SECONDS + 30)) mode=''
  until [[ $mode == "$1" ]]; do
    ((SECONDS < end)) || fail "the replica does not receive the log after 30 s; its state is '$mode'" "$LOG_DIR/postgres-replica"
    sleep 0.2
    mode=$(sql "select sync_state from pg_stat_replication where state = 'streaming'" 2>>"$WORK/log") || mode=''
  done
}

# cut_off_replica: from now on the replica receives nothing.
cut_off_replica() {
  local end=$((SECONDS + 10))
  printf "primary_conninfo = ''\n" >>"$REPLICA_DATA/postgresql.auto.conf"
  kill -s HUP "$(replica_pid)"
  until [[ $(replica_sql 'select count(*) from pg_stat_wal_receiver') == 0 ]]; do
    ((SECONDS < end)) || fail "the replica still receives the log 10 s after it was cut off" "$LOG_DIR/postgres-replica"
    sleep 0.1
  done
}

# promote_replica: makes the replica the primary.
promote_replica() {
  "${AS_POSTGRES[@]}" "$POSTGRES_BIN/pg_ctl" promote -D "$REPLICA_DATA" -t 60 >>"$WORK/log" 2>&1 ||
    fail "the replica cannot be promoted" "$LOG_DIR/postgres-replica"
}

# use_both_servers: gives the programs the addresses of both servers. They use the one that takes writes.
use_both_servers() {
  database_url() {
    printf 'postgres://claims:%s@127.0.0.1:%s,127.0.0.1:%s/claims?target_session_attrs=read-write' \
      "$POSTGRES_PASSWORD" "$POSTGRES_PORT" "$REPLICA_PORT"
  }
  write_environment
  load_environment
  start_workers "$PROOF_WORKERS" 2>>"$WORK/log"
  start_api 2>>"$WORK/log"
  keep_started
}
