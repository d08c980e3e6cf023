# shellcheck shell=bash
# Who listens, and who answers. By bash alone: a bare machine has neither curl nor netcat.

# Does anyone listen where a server of ours would? Read from the kernel's table, because connecting to find out
# could hang at a frozen server and would look like a client to a living one.
port_is_open() {
  local hex any='(0100007F|00000000|0{32}|0{24}01000000|0{16}FFFF00000100007F)'   # 127.0.0.1, and what covers it
  printf -v hex '%04X' "$1"
  grep -qsE "^ *[0-9]+: $any:$hex [0-9A-F]+:[0-9A-F]+ 0A" /proc/net/tcp /proc/net/tcp6
}

# A process that was just killed may hold its port for a moment longer, until its last thread has ended.
require_free_port() {
  local port=$1 setting=$2 deadline=$((SECONDS + 3))
  while port_is_open "$port"; do
    ((SECONDS < deadline)) || fail "port $port is in use by another program; set $setting to choose another port"
    sleep 0.05
  done
}

# connect PORT: opens CONNECTION, a file descriptor.
connect() {
  { exec {CONNECTION}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null
}

disconnect() {
  exec {CONNECTION}>&-
}

# http_status PORT PATH: prints the status of a GET, or nothing.
http_status() {
  local status=''
  connect "$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&"$CONNECTION"
  read -r -t 5 _ status _ <&"$CONNECTION" || true
  disconnect
  printf '%s' "$status"
}
