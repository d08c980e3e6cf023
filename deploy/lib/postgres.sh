# shellcheck shell=bash
# PostgreSQL: what is decided.

# POSTGRES_BIN: the installed version that fits the data, or else the newest.
postgres_find() {
  local data=$DATA_DIR/postgres version
  if [[ -e $data/PG_VERSION ]]; then
    version=$(<"$data/PG_VERSION")
    POSTGRES_BIN=/usr/lib/postgresql/$version/bin
    [[ -x $POSTGRES_BIN/postgres ]] || fail "the data in $data is PostgreSQL $version's, which is not installed; install postgresql-$version, or start afresh with deploy/down --purge"
  else
    POSTGRES_BIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [[ -x $POSTGRES_BIN/postgres ]] || fail "PostgreSQL is not installed; deploy/up installs it"
  fi
}

postgres_ports() { printf '%s CLAIMS_POSTGRES_PORT\n' "$POSTGRES_PORT"; }

# PostgreSQL refuses to run as root. Then it runs as user postgres, and where that user cannot pass through a folder
# above the data (a checkout in /root, a private temporary one), it also gets the one capability that lets it.
choose_postgres_user() {
  AS_POSTGRES=()
  ((EUID == 0)) || return 0
  local user=(setpriv --reuid postgres --regid postgres --init-groups) capability effective
  if ! "${user[@]}" test -x "$DATA_DIR"; then
    effective=$(sed -n 's/^CapEff:\t*/0x/p' /proc/self/status)
    if ((effective >> 2 & 1)); then capability=dac_read_search; else capability=dac_override; fi   # containers often lack the first
    user+=(--inh-caps "+$capability" --ambient-caps "+$capability")
  fi
  AS_POSTGRES=("${user[@]}")
}

# Data, role and database are made in a folder beside, which is renamed when all is done: an interrupted start leaves
# nothing that looks like a database.
postgres_prepare() {
  local data=$DATA_DIR/postgres new=$DATA_DIR/postgres.new
  choose_postgres_user
  [[ ! -e $data ]] || return 0

  say "postgres: making an empty database"
  log_begins postgres
  rm -rf "$new"
  mkdir -m 700 "$new"
  ((EUID != 0)) || chown postgres:postgres "$new"
  (
    # "reject" saves a password for the superuser: nobody is to log in as such. The next step says who may.
    "${AS_POSTGRES[@]}" "$POSTGRES_BIN/initdb" --pgdata "$new" --username postgres --auth reject \
      --encoding UTF8 --locale C.UTF-8 --data-checksums &&
    printf 'host all all 127.0.0.1/32 scram-sha-256\n' >"$new/pg_hba.conf" &&
    "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" --single -D "$new" -c exit_on_error=on postgres <<SQL
CREATE ROLE claims LOGIN PASSWORD '$POSTGRES_PASSWORD'
CREATE DATABASE claims OWNER claims
SQL
  ) >>"$LOG_DIR/postgres" 2>&1 || fail_with_log postgres "postgres: no database could be made"
  mv "$new" "$data"
}

postgres_configure() {
  cat >"$CONF_DIR/postgres.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = ''        # their paths may have 107 bytes, ours is as long as it is
max_connections = 200
password_encryption = scram-sha-256

shared_buffers = 256MB
fsync = on
synchronous_commit = on             # COMMIT means: on the disk
wal_compression = on
max_wal_size = 2GB
checkpoint_completion_target = 0.9

logging_collector = off             # stderr is the log
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C.UTF-8'
default_text_search_config = 'pg_catalog.simple'
CONF
  chmod 644 "$CONF_DIR/postgres.conf"
}

postgres_run() {
  cd "$DATA_DIR"
  # make_room_for has seen that nobody works in this folder. PostgreSQL would take the file of one that was killed
  # for a sign of life for as long as its process is a zombie.
  rm -f "$DATA_DIR/postgres/postmaster.pid"
  become "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" -D "$DATA_DIR/postgres" -c "config_file=$CONF_DIR/postgres.conf"
}

# The postmaster writes into its file who it is and, in line 8, when it is ready. The file of one that was killed
# names another process.
postgres_answers() {
  local state=()
  postgres_find
  { mapfile -t state <"$DATA_DIR/postgres/postmaster.pid"; } 2>/dev/null || return 1
  [[ ${state[0]:-} == "$1" && ${state[7]:-} == ready* ]] &&
    "$POSTGRES_BIN/pg_isready" --quiet --host 127.0.0.1 --port "$POSTGRES_PORT" --timeout 3
}
