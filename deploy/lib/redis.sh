# shellcheck shell=bash
# Redis: nothing that matters. It is kept over a restart all the same, because then it is quick at once.

redis_ports() { printf '%s CLAIMS_REDIS_PORT\n' "$REDIS_PORT"; }

redis_find() {
  command -v redis-server >/dev/null || fail "Redis is not installed; deploy/up installs it"
}

redis_prepare() {
  mkdir -p "$DATA_DIR/redis"
  chmod 700 "$DATA_DIR/redis"
}

redis_configure() {
  private_file "$CONF_DIR/redis.conf" <<CONF
bind 127.0.0.1
port $REDIS_PORT
protected-mode yes
requirepass $REDIS_PASSWORD
daemonize no
dir "$DATA_DIR/redis"

appendonly yes
appendfsync everysec
save ""

maxmemory 2gb
maxmemory-policy allkeys-lru
CONF
}

redis_run() {
  umask 077
  become redis-server "$CONF_DIR/redis.conf"
}

# It accepts connections while it still loads its data; a PONG comes only afterwards.
redis_answers() {
  local authenticated='' pong=''
  connect "$REDIS_PORT" || return 1
  printf 'AUTH %s\r\nPING\r\n' "$REDIS_PASSWORD" >&"$CONNECTION"
  { read -r -t 3 authenticated && read -r -t 3 pong; } <&"$CONNECTION" || true
  disconnect
  [[ $authenticated == +OK* && $pong == +PONG* ]]
}
