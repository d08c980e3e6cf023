# shellcheck shell=bash
# The settings that an operator has, and what follows from them.

# choose_settings HTTP POSTGRES REDIS AMQP FOLDER: the defaults, for what the environment leaves open.
choose_settings() {
  HTTP_PORT=${CLAIMS_HTTP_PORT:-$1}
  POSTGRES_PORT=${CLAIMS_POSTGRES_PORT:-$2}
  REDIS_PORT=${CLAIMS_REDIS_PORT:-$3}
  AMQP_PORT=${CLAIMS_AMQP_PORT:-$4}
  RUN_DIR=${CLAIMS_RUN_DIR:-$5}

  [[ $RUN_DIR == /* ]] || RUN_DIR=$ROOT/$RUN_DIR
  # Without symbolic links, because /proc names the folders of a process that way (see recognising.sh).
  RUN_DIR=$(realpath -m -- "$RUN_DIR")
  # RabbitMQ's scripts and the configuration files have no safe way to write these.
  [[ $RUN_DIR != *[\'\"\\\$\`$'\n']* ]] || refuse "the folder $RUN_DIR (CLAIMS_RUN_DIR) has quotes, backslashes or dollar signs in its name"

  PID_DIR=$RUN_DIR/pids LOG_DIR=$RUN_DIR/logs DATA_DIR=$RUN_DIR/data CONF_DIR=$RUN_DIR/conf

  check_ports
  # RabbitMQ needs more ports than AMQP's, of which no one wants to hear. They are derived, so that every copy
  # has its own and none meets a system-wide RabbitMQ.
  DISTRIBUTION_PORT=$((AMQP_PORT - 1000))   # rabbitmqctl talks to the node here
  TOOLS_PORT=$((AMQP_PORT - 1500))          # and answers are sent here, to one of ten
  EPMD_PORT=$((AMQP_PORT - 2000))           # Erlang's directory of nodes
  check_ports_differ
}

check_ports() {
  local setting port
  for setting in "CLAIMS_HTTP_PORT $HTTP_PORT" "CLAIMS_POSTGRES_PORT $POSTGRES_PORT" \
                 "CLAIMS_REDIS_PORT $REDIS_PORT" "CLAIMS_AMQP_PORT $AMQP_PORT"; do
    read -r setting port <<<"$setting"
    [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || refuse "$setting is '$port', which is not a port number"
    # From 32768 on the kernel hands ports out to connections, and a server could find its own taken.
    ((port < 32768)) || refuse "$setting is $port; it must be below 32768, where the ephemeral ports begin"
  done
  ((AMQP_PORT >= 3024)) || refuse "CLAIMS_AMQP_PORT is $AMQP_PORT; it must be 3024 or more, because RabbitMQ also uses the ports 1000 and 2000 below it"
}

check_ports_differ() {
  local -A taken=()
  local entry port name
  for entry in "$HTTP_PORT CLAIMS_HTTP_PORT" "$POSTGRES_PORT CLAIMS_POSTGRES_PORT" "$REDIS_PORT CLAIMS_REDIS_PORT" \
               "$AMQP_PORT CLAIMS_AMQP_PORT" "$DISTRIBUTION_PORT CLAIMS_AMQP_PORT less 1000" \
               "$EPMD_PORT CLAIMS_AMQP_PORT less 2000"; do
    read -r port name <<<"$entry"
    [[ -z ${taken[$port]:-} ]] || refuse "port $port is wanted twice: as ${taken[$port]} and as $name"
    taken[$port]=$name
  done
}

explain_settings() {
  cat <<TEXT
Settings, from the environment:
  CLAIMS_HTTP_PORT      the API's port ($1)
  CLAIMS_POSTGRES_PORT  PostgreSQL's ($2)
  CLAIMS_REDIS_PORT     Redis's ($3)
  CLAIMS_AMQP_PORT      RabbitMQ's ($4); it also uses the ports 1000 and 2000 below
  CLAIMS_RUN_DIR        the folder of data, logs and process ids ($5, in the checkout)
Two copies with different ports and folders can run side by side. Everything listens on 127.0.0.1 only.
TEXT
}
