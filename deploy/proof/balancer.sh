# shellcheck shell=bash
# A second ClaimAPI, and a load balancer in front of both.

DRAIN_SECONDS=3

# read_balancer_settings: the second API and the balancer use the ports after CLAIMS_HTTP_PORT.
read_balancer_settings() {
  SECOND_HTTP_PORT=$((HTTP_PORT + 1)) BALANCER_PORT=$((HTTP_PORT + 2)) STATISTICS_PORT=$((HTTP_PORT + 3))
  export CLAIMS_DRAIN_MS=$((DRAIN_SECONDS * 1000)) CLAIMS_SECOND_HTTP_PORT=$SECOND_HTTP_PORT \
    CLAIMS_BALANCER_PORT=$BALANCER_PORT CLAIMS_BALANCER_STATISTICS_PORT=$STATISTICS_PORT
}

second_api_run() {
  load_environment
  export CLAIMS_HTTP_PORT=$SECOND_HTTP_PORT
  exec_in_session "$PROGRAM_DIR/ClaimAPI"
}

balancer_run() {
  load_environment
  exec_in_session /usr/sbin/haproxy -db -f "$DEPLOY_DIR/proof/haproxy.cfg"
}

# start_balancer: starts the second API and the balancer, and lets the load use the balancer.
start_balancer() {
  local port
  for port in "$SECOND_HTTP_PORT" "$BALANCER_PORT" "$STATISTICS_PORT"; do require_free_port "$port" CLAIMS_HTTP_PORT; done
  launch_api api-2
  launch balancer balancer_run
  await_balanced api
  await_balanced api-2
  keep_started
  CLAIMS_URL=http://127.0.0.1:$BALANCER_PORT
}

# launch_api NAME: starts api or api-2.
launch_api() {
  if [[ $1 == api ]]; then launch_program api; else launch api-2 second_api_run; fi
}

# balancer_state SERVER COLUMN: prints a column of the balancer's statistics: svname's status is 18, wretr is 16.
balancer_state() {
  connect "$STATISTICS_PORT" || return 1
  printf 'GET /;csv HTTP/1.0\r\n\r\n' >&"$CONNECTION"
  awk -F , -v server="$1" -v column="$2" '$1 == "api" && $2 == server { print $column }' <&"$CONNECTION"
  disconnect
}

# await_balanced NAME: waits until the balancer sends requests to an API.
await_balanced() {
  local end=$((SECONDS + READINESS_TIMEOUT))
  until [[ $(balancer_state "$1" 18) == UP ]]; do
    is_running "$1" || fail_with_log "$1" "$1 ended during its start"
    ((SECONDS < end)) || fail_with_log "$1" "the balancer does not use $1 after $READINESS_TIMEOUT s"
    sleep 0.1
  done
}
