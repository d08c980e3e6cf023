# shellcheck shell=bash
# Ports and connections, by bash alone: a minimal system has neither curl nor netcat.

# port_is_open PORT: whether a process listens on PORT of 127.0.0.1. Reads the kernel's table; a connection could hang
# on a suspended server, and a running one would count it as a client.
port_is_open() {
  local hex any='(0100007F|00000000|0{32}|0{24}01000000|0{16}FFFF00000100007F)'   # 127.0.0.1 and the wildcards
  printf -v hex '%04X' "$1"
  grep -qsE "^ *[0-9]+: $any:$hex [0-9A-F]+:[0-9A-F]+ 0A" /proc/net/tcp /proc/net/tcp6
}

# require_free_port PORT SETTING: fails if another process listens on PORT. Waits a moment first, because a killed
# process keeps its port until its last thread has ended.
require_free_port() {
  local port=$1 setting=$2 deadline=$((SECONDS + 3))
  while port_is_open "$port"; do
    ((SECONDS < deadline)) || fail "another program listens on port $port. Stop it, or set $setting to a free port. The data of this copy is unchanged"
    sleep 0.05
  done
}

# connect PORT: opens the file descriptor CONNECTION.
connect() {
  { exec {CONNECTION}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null
}

disconnect() {
  exec {CONNECTION}>&-
}

# http_status PORT PATH: prints the status code of a GET request, or nothing.
http_status() {
  local status=''
  connect "$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&"$CONNECTION"
  read -r -t 5 _ status _ <&"$CONNECTION" || true
  disconnect
  printf '%s' "$status"
}
