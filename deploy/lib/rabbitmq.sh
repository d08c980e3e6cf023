# shellcheck shell=bash
# RabbitMQ holds the accepted claims that are not yet decided. Each copy runs its own epmd, the Erlang port mapper.
# A copy has one node, rabbitmq, or a cluster of three, with rabbitmq-2 and rabbitmq-3. Functions that concern one node
# get its name as their first argument.

RABBITMQ_NODE=claims@localhost   # the first node
LOOPBACK_ONLY='-kernel inet_dist_use_interface {127,0,0,1}'

# Sets RABBITMQ_SBIN to the folder of the server's own commands. Those in /usr/sbin switch to user rabbitmq, which cannot
# read the run folder.
rabbitmq_locate() {
  RABBITMQ_SBIN=$(newest_in_server_root 'usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin')
  [[ -x $SERVER_ROOT$RABBITMQ_SBIN/rabbitmq-server ]] || fail "RabbitMQ is not installed. Run deploy/up, which installs it"
}

# broker_number NAME: prints 1 for rabbitmq, 2 for rabbitmq-2.
broker_number() {
  if [[ $1 == rabbitmq ]]; then printf 1; else printf '%s' "${1#rabbitmq-}"; fi
}

# broker_node NAME: prints the name of the Erlang node. It is independent of the port, because the data belongs to a node
# of this name.
broker_node() {
  if [[ $1 == rabbitmq ]]; then printf '%s' "$RABBITMQ_NODE"; else printf 'claims-%s@localhost' "${1#rabbitmq-}"; fi
}

# broker_port NAME and broker_distribution_port NAME
broker_port() { printf '%s' $((AMQP_PORT + $(broker_number "$1") - 1)); }
broker_distribution_port() { printf '%s' $((DISTRIBUTION_PORT + $(broker_number "$1") - 1)); }

# The port of epmd is listed only while this copy's own epmd does not run, and only for the node that starts first.
rabbitmq_ports() {
  printf '%s CLAIMS_AMQP_PORT\n' "$(broker_port "$1")"
  printf '%s CLAIMS_AMQP_PORT (which also uses the port 1000 below it)\n' "$(broker_distribution_port "$1")"
  [[ $1 != rabbitmq || -n $(epmd_pids) ]] ||
    printf '%s CLAIMS_AMQP_PORT (which also uses the port 2000 below it)\n' "$EPMD_PORT"
}

rabbitmq_prepare() {
  mkdir -p "$DATA_DIR/$1"
  chmod 700 "$DATA_DIR/$1"
  # Erlang reads the cookie from the home folder. An argument or a variable would be visible in `ps`.
  printf '%s' "$ERLANG_COOKIE" | write_private_file "$DATA_DIR/$1/.erlang.cookie"
}

rabbitmq_configure() {
  {
    rabbitmq_configuration "$1"
    if ((BROKERS > 1)); then cluster_configuration "$1"; fi
  } | write_private_file "$CONF_DIR/$1.conf"
  # Empty files, so that the node does not read those in /etc/rabbitmq.
  printf '[].\n' >"$CONF_DIR/rabbitmq-plugins"
  printf '[].\n' >"$CONF_DIR/rabbitmq-advanced.config"
}

rabbitmq_configuration() {
  cat <<CONF
listeners.tcp.local = 127.0.0.1:$(broker_port "$1")

default_vhost = claims
default_user = claims
default_pass = $RABBITMQ_PASSWORD
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*

raft.wal_max_size_bytes = 67108864
vm_memory_high_watermark.relative = 0.4
disk_free_limit.absolute = 200MB

log.file.level = info
CONF
}

# The whole environment of the node and of epmd. RUNNING_UNDER_SYSTEMD makes the start script execute the Erlang VM
# instead of supervising it, so that the process id is the server's.
rabbitmq_environment() {
  local data=$DATA_DIR/$1
  RABBITMQ_ENVIRONMENT=(
    "$PROCESS_MARK=$RUN_DIR" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
    "HOME=$data"
    ERL_EPMD_ADDRESS=127.0.0.1 "ERL_EPMD_PORT=$EPMD_PORT"
    RUNNING_UNDER_SYSTEMD=true
    "RABBITMQ_NODENAME=$(broker_node "$1")"
    "RABBITMQ_DIST_PORT=$(broker_distribution_port "$1")"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=$LOOPBACK_ONLY $(source_address "$1")"
    "RABBITMQ_MNESIA_BASE=$data/mnesia"
    "RABBITMQ_LOG_BASE=$data" "RABBITMQ_LOGS=$LOG_DIR/$1"
    "RABBITMQ_CONFIG_FILE=$CONF_DIR/$1.conf" "RABBITMQ_CONFIG_FILES=$CONF_DIR/rabbitmq.conf.d"
    "RABBITMQ_ADVANCED_CONFIG_FILE=$CONF_DIR/rabbitmq-advanced.config" RABBITMQ_CONF_ENV_FILE=/dev/null
    "RABBITMQ_ENABLED_PLUGINS_FILE=$CONF_DIR/rabbitmq-plugins"
  )
}

rabbitmq_run() {
  umask 077
  rabbitmq_environment "$1"
  cd "$DATA_DIR/$1" || exit
  # Otherwise the node starts an epmd of its own, which outlives it and has an unknown process id. If this copy's epmd
  # runs already, the new one finds its port in use and ends at once.
  (exec_in_session "${IN_SERVER_ROOT[@]}" env -i "${RABBITMQ_ENVIRONMENT[@]}" epmd -address 127.0.0.1 -port "$EPMD_PORT" &)
  exec_in_session "${IN_SERVER_ROOT[@]}" env -i "${RABBITMQ_ENVIRONMENT[@]}" "$RABBITMQ_SBIN/rabbitmq-server"
}

# The node is ready when it answers the protocol header with a method frame on channel 0: Connection.Start (10, 10).
rabbitmq_is_ready() {
  local greeting
  connect "$(broker_port "$1")" || return 1
  printf 'AMQP\0\0\11\1' >&"$CONNECTION"
  greeting=$(timeout 3 head -c 11 <&"$CONNECTION" | od -A n -v -t x1) || true
  disconnect
  [[ $greeting == ' 01 00 00 '*' 00 0a 00 0a' ]]
}

# Includes an epmd that rabbitmqctl has started because none ran; its environment is that of .run/env.
epmd_pids() {
  local environment process
  while read -r environment; do
    process=${environment%/environ}
    [[ $(readlink "$process/exe") == */epmd ]] || continue
    if sees_run_dir "${process#/proc/}"; then printf '%s\n' "${process#/proc/}"; fi
  done < <(grep -lszxF -e "$PROCESS_MARK=$RUN_DIR" -e "CLAIMS_RUN_DIR=$RUN_DIR" /proc/[0-9]*/environ || true)
}

# stop_epmd: unless a node of this copy uses it.
stop_epmd() {
  local pid name
  for name in "${BROKER_NAMES[@]}"; do
    if is_running "$name"; then return 0; fi
  done
  for pid in $(epmd_pids); do
    stop_process epmd "$pid" TERM 5
  done
}

# For a rabbitmqctl that is called by its full path. It warns about a cookie in the environment; an argument would be
# visible in `ps`.
rabbitmq_tools_environment() {
  shell_assignment RABBITMQ_NODENAME "$RABBITMQ_NODE"
  shell_assignment RABBITMQ_ERLANG_COOKIE "$ERLANG_COOKIE"
  shell_assignment RABBITMQ_CTL_ERL_ARGS "$LOOPBACK_ONLY"
  shell_assignment RABBITMQ_CTL_DIST_PORT_MIN "$TOOLS_PORT"
  shell_assignment RABBITMQ_CTL_DIST_PORT_MAX "$((TOOLS_PORT + 9))"
  shell_assignment ERL_EPMD_ADDRESS 127.0.0.1
  shell_assignment ERL_EPMD_PORT "$EPMD_PORT"
}

# Wrappers on PATH, which pass the cookie as a file, without a warning, and use this copy's virtual host by default.
rabbitmq_write_tools() {
  local tool
  rabbitmq_locate
  for tool in rabbitmqctl rabbitmq-diagnostics rabbitmq-queues; do
    printf "#!/bin/sh\nunset RABBITMQ_ERLANG_COOKIE\nHOME='%s' exec %s -p claims \"\$@\"\n" "$DATA_DIR/rabbitmq" \
      "$(printf "'%s' " "${IN_SERVER_ROOT[@]}" "$RABBITMQ_SBIN/$tool")" >"$RUN_DIR/bin/$tool"
    chmod 755 "$RUN_DIR/bin/$tool"
  done
}
