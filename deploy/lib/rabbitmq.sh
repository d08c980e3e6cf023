# shellcheck shell=bash
# RabbitMQ: what is accepted and not yet decided. With it comes epmd, Erlang's directory of nodes; ours is ours alone.

# The same whatever the port, because the data belongs to a node of that name.
RABBITMQ_NODE=claims@localhost
LOOPBACK_ONLY='-kernel inet_dist_use_interface {127,0,0,1}'

# RABBITMQ_SBIN: the server's own commands. Those in /usr/sbin change to user rabbitmq, who may not read a private folder.
rabbitmq_find() {
  RABBITMQ_SBIN=$(printf '%s\n' /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | sort -V | tail -n 1)
  [[ -x $RABBITMQ_SBIN/rabbitmq-server ]] || fail "RabbitMQ is not installed; deploy/up installs it"
}

# epmd's port is asked for only while our own does not sit there.
rabbitmq_ports() {
  printf '%s CLAIMS_AMQP_PORT\n' "$AMQP_PORT"
  printf '%s CLAIMS_AMQP_PORT (this one is 1000 below it)\n' "$DISTRIBUTION_PORT"
  [[ -n $(epmd_pids) ]] || printf '%s CLAIMS_AMQP_PORT (this one is 2000 below it)\n' "$EPMD_PORT"
}

rabbitmq_prepare() {
  mkdir -p "$DATA_DIR/rabbitmq"
  chmod 700 "$DATA_DIR/rabbitmq"
  # Erlang reads the cookie from the home folder; given in any other way it would show in `ps`.
  printf '%s' "$ERLANG_COOKIE" | private_file "$DATA_DIR/rabbitmq/.erlang.cookie"
}

rabbitmq_configure() {
  private_file "$CONF_DIR/rabbitmq.conf" <<CONF
listeners.tcp.local = 127.0.0.1:$AMQP_PORT

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
  # Empty ones of our own, or it would read those in /etc/rabbitmq.
  printf '[].\n' >"$CONF_DIR/rabbitmq-plugins"
  printf '[].\n' >"$CONF_DIR/rabbitmq-advanced.config"
}

# What the node and epmd know of the world. RUNNING_UNDER_SYSTEMD has the start script become the Erlang VM instead
# of watching over it, so that its process id is the server's.
rabbitmq_environment() {
  RABBITMQ_ENVIRONMENT=(
    "$MARK=$RUN_DIR" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
    "HOME=$DATA_DIR/rabbitmq"
    ERL_EPMD_ADDRESS=127.0.0.1 "ERL_EPMD_PORT=$EPMD_PORT"
    RUNNING_UNDER_SYSTEMD=true
    "RABBITMQ_NODENAME=$RABBITMQ_NODE"
    "RABBITMQ_DIST_PORT=$DISTRIBUTION_PORT"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=$LOOPBACK_ONLY"
    "RABBITMQ_MNESIA_BASE=$DATA_DIR/rabbitmq/mnesia"
    "RABBITMQ_LOG_BASE=$DATA_DIR/rabbitmq" "RABBITMQ_LOGS=$LOG_DIR/rabbitmq"
    "RABBITMQ_CONFIG_FILE=$CONF_DIR/rabbitmq.conf" "RABBITMQ_CONFIG_FILES=$CONF_DIR/rabbitmq.conf.d"
    "RABBITMQ_ADVANCED_CONFIG_FILE=$CONF_DIR/rabbitmq-advanced.config" RABBITMQ_CONF_ENV_FILE=/dev/null
    "RABBITMQ_ENABLED_PLUGINS_FILE=$CONF_DIR/rabbitmq-plugins"
  )
}

rabbitmq_run() {
  umask 077
  rabbitmq_environment
  cd "$DATA_DIR/rabbitmq"
  # Left to itself, the node would start an epmd that outlives it, at a time and with a process id of its choice.
  # If ours is there already, this one finds its port taken and ends at once.
  (become env -i "${RABBITMQ_ENVIRONMENT[@]}" epmd -address 127.0.0.1 -port "$EPMD_PORT" &)
  become env -i "${RABBITMQ_ENVIRONMENT[@]}" "$RABBITMQ_SBIN/rabbitmq-server"
}

# Its greeting to a client: a method frame on channel 0 that says Connection.Start (class 10, method 10).
rabbitmq_answers() {
  local greeting
  connect "$AMQP_PORT" || return 1
  printf 'AMQP\0\0\11\1' >&"$CONNECTION"
  greeting=$(timeout 3 head -c 11 <&"$CONNECTION" | od -A n -v -t x1) || true
  disconnect
  [[ $greeting == ' 01 00 00 '*' 00 0a 00 0a' ]]
}

# Also one that rabbitmqctl has started because there was none: it has what .run/env gives.
epmd_pids() {
  local environment process
  while read -r environment; do
    process=${environment%/environ}
    [[ $(readlink "$process/exe") != */epmd ]] || printf '%s\n' "${process#/proc/}"
  done < <(grep -lszxF -e "$MARK=$RUN_DIR" -e "CLAIMS_RUN_DIR=$RUN_DIR" /proc/[0-9]*/environ || true)
}

stop_epmd() {
  local pid
  for pid in $(epmd_pids); do
    end_process epmd "$pid" TERM 5
  done
}

# For whoever calls rabbitmqctl by its full path. It warns about the cookie's way, but ps would tell it to everyone.
rabbitmq_tools_environment() {
  assignment RABBITMQ_NODENAME "$RABBITMQ_NODE"
  assignment RABBITMQ_ERLANG_COOKIE "$ERLANG_COOKIE"
  assignment RABBITMQ_CTL_ERL_ARGS "$LOOPBACK_ONLY"
  assignment RABBITMQ_CTL_DIST_PORT_MIN "$TOOLS_PORT"
  assignment RABBITMQ_CTL_DIST_PORT_MAX "$((TOOLS_PORT + 9))"
  assignment ERL_EPMD_ADDRESS 127.0.0.1
  assignment ERL_EPMD_PORT "$EPMD_PORT"
}

# For all others there are these on PATH, which give the cookie in the way that no one warns about, and mean our
# virtual host unless told another one.
rabbitmq_write_tools() {
  local tool
  rabbitmq_find
  for tool in rabbitmqctl rabbitmq-diagnostics rabbitmq-queues; do
    printf "#!/bin/sh\nunset RABBITMQ_ERLANG_COOKIE\nHOME='%s' exec '%s' -p claims \"\$@\"\n" "$DATA_DIR/rabbitmq" "$RABBITMQ_SBIN/$tool" >"$RUN_DIR/bin/$tool"
    chmod 755 "$RUN_DIR/bin/$tool"
  done
}
