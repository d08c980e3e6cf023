# shellcheck shell=bash
# PostgreSQL holds the decided claims.

POSTGRES_SETTINGS=()   # lines that a benchmark adds to the configuration

# Sets POSTGRES_BIN to the installed version that matches the data; without data, to the newest.
postgres_locate() {
  local data=$DATA_DIR/postgres version
  if [[ -e $data/PG_VERSION ]]; then
    version=$(<"$data/PG_VERSION")
    POSTGRES_BIN=/usr/lib/postgresql/$version/bin
    [[ -x $SERVER_ROOT$POSTGRES_BIN/postgres ]] || fail "the data in $data needs PostgreSQL $version, which is not installed. The data is unchanged. Install postgresql-$version, or delete the data with deploy/down --purge"
  else
    POSTGRES_BIN=$(newest_in_server_root 'usr/lib/postgresql/*/bin')
    [[ -x $SERVER_ROOT$POSTGRES_BIN/postgres ]] || fail "PostgreSQL is not installed. Run deploy/up, which installs it"
  fi
}

postgres_ports() { printf '%s CLAIMS_POSTGRES_PORT\n' "$POSTGRES_PORT"; }

# PostgreSQL refuses to run as root; it then runs as user postgres. If that user cannot enter the data folder (a checkout
# in /root, a private temporary folder), the process also gets the capability that permits it.
choose_postgres_user() {
  AS_POSTGRES=()
  ((EUID == 0)) || return 0
  local user=("${IN_SERVER_ROOT[@]}" setpriv --reuid postgres --regid postgres --init-groups) capability effective
  if ! "${user[@]}" test -x "$DATA_DIR"; then
    effective=$(sed -n 's/^CapEff:\t*/0x/p' /proc/self/status)
    if ((effective >> 2 & 1)); then capability=dac_read_search; else capability=dac_override; fi   # many containers lack dac_read_search
    user+=(--inh-caps "+$capability" --ambient-caps "+$capability")
  fi
  AS_POSTGRES=("${user[@]}")
}

# Data, role and database are created in a second folder, which is renamed at the end, so that an interrupted start
# leaves no incomplete database.
postgres_prepare() {
  local data=$DATA_DIR/postgres new=$DATA_DIR/postgres.new
  choose_postgres_user
  [[ ! -e $data ]] || return 0

  say "postgres: creating the database"
  mark_log_start postgres
  rm -rf "$new"
  mkdir -m 700 "$new"
  ((EUID != 0)) || "${IN_SERVER_ROOT[@]}" chown postgres:postgres "$new"
  (
    # "reject" permits no login as superuser, so that it needs no password. pg_hba.conf then permits logins by password.
    "${AS_POSTGRES[@]}" "$POSTGRES_BIN/initdb" --pgdata "$new" --username postgres --auth reject \
      --encoding UTF8 --locale C.UTF-8 --data-checksums &&
    printf 'host all all 127.0.0.1/32 scram-sha-256\n' >"$new/pg_hba.conf" &&
    "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" --single -D "$new" -c exit_on_error=on postgres <<SQL
CREATE ROLE claims LOGIN PASSWORD '$POSTGRES_PASSWORD'
CREATE DATABASE claims OWNER claims
SQL
  ) >>"$LOG_DIR/postgres" 2>&1 || fail_with_log postgres "postgres: cannot create the database; no existing data was changed. Correct the cause and run this command again"
  mv "$new" "$data"
}

postgres_configure() {
  cat >"$CONF_DIR/postgres.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = ''        # their path is limited to 107 bytes, and the run folder may be longer
max_connections = 200
password_encryption = scram-sha-256

shared_buffers = 256MB
fsync = on
synchronous_commit = on             # COMMIT returns when the data is on the disk
wal_compression = lz4
max_wal_size = 2GB
checkpoint_completion_target = 0.9

logging_collector = off             # the log is stderr, redirected to logs/postgres
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C.UTF-8'
default_text_search_config = 'pg_catalog.simple'
CONF
  ((${#POSTGRES_SETTINGS[@]} == 0)) || printf '%s\n' "${POSTGRES_SETTINGS[@]}" >>"$CONF_DIR/postgres.conf"
  chmod 644 "$CONF_DIR/postgres.conf"
}

postgres_run() {
  cd "$DATA_DIR" || exit
  # prepare_restart has checked that no server uses this folder. While a killed server is a zombie, PostgreSQL takes
  # this file as proof that it runs.
  rm -f "$DATA_DIR/postgres/postmaster.pid"
  exec_in_session "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" -D "$DATA_DIR/postgres" -c "config_file=$CONF_DIR/postgres.conf"
}

# The postmaster writes its process id to line 1 of this file and its state to line 8. The process id excludes the file
# of a killed server.
postgres_is_ready() {
  local state=()
  postgres_locate
  { mapfile -t state <"$DATA_DIR/postgres/postmaster.pid"; } 2>/dev/null || return 1
  [[ ${state[0]:-} == "$2" && ${state[7]:-} == ready* ]] &&
    "${IN_SERVER_ROOT[@]}" "$POSTGRES_BIN/pg_isready" --quiet --host 127.0.0.1 --port "$POSTGRES_PORT" --timeout 3
}
