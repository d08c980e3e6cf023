# shellcheck shell=bash
# Redis holds the locks, remembered keys and wake-ups. All of it can be lost; it is persisted only so that the system
# is fast right after a restart.

redis_ports() { printf '%s CLAIMS_REDIS_PORT\n' "$REDIS_PORT"; }

redis_locate() {
  [[ -x $SERVER_ROOT/usr/bin/redis-server ]] || command -v redis-server >/dev/null || fail "Redis is not installed. Run deploy/up, which installs it"
}

redis_prepare() {
  mkdir -p "$DATA_DIR/redis"
  chmod 700 "$DATA_DIR/redis"
}

redis_configure() {
  write_private_file "$CONF_DIR/redis.conf" <<CONF
bind 127.0.0.1
port $REDIS_PORT
protected-mode yes
requirepass $REDIS_PASSWORD
daemonize no
dir "$DATA_DIR/redis"

appendonly yes
appendfsync everysec
save ""

# A full server evicts the claims that were used least recently. Keys without a lifetime, and those that are renewed all
# the time (heartbeats, locks), stay.
maxmemory 2gb
maxmemory-policy volatile-lru
maxmemory-samples 10
CONF
}

redis_run() {
  umask 077
  exec_in_session "${IN_SERVER_ROOT[@]}" redis-server "$CONF_DIR/redis.conf"
}

# Redis accepts connections while it loads its data, but answers PING with PONG only afterwards.
redis_is_ready() {
  local authenticated='' pong=''
  connect "$REDIS_PORT" || return 1
  printf 'AUTH %s\r\nPING\r\n' "$REDIS_PASSWORD" >&"$CONNECTION"
  { read -r -t 3 authenticated && read -r -t 3 pong; } <&"$CONNECTION" || true
  disconnect
  [[ $authenticated == +OK* && $pong == +PONG* ]]
}
