# shellcheck shell=bash
# The operator's settings: ports and run folder.

# read_settings HTTP POSTGRES REDIS AMQP FOLDER: reads the settings from the environment; the arguments are the defaults.
read_settings() {
  HTTP_PORT=${CLAIMS_HTTP_PORT:-$1}
  POSTGRES_PORT=${CLAIMS_POSTGRES_PORT:-$2}
  REDIS_PORT=${CLAIMS_REDIS_PORT:-$3}
  AMQP_PORT=${CLAIMS_AMQP_PORT:-$4}
  RUN_DIR=${CLAIMS_RUN_DIR:-$5}

  [[ $RUN_DIR == /* ]] || RUN_DIR=$ROOT/$RUN_DIR
  RUN_DIR=$(realpath -m -- "$RUN_DIR")   # without symbolic links, as /proc shows the folders of a process
  # RabbitMQ's scripts and the configuration files cannot quote these characters.
  [[ $RUN_DIR != *[\'\"\\\$\`$'\n']* ]] || usage_error "CLAIMS_RUN_DIR is $RUN_DIR; it must not contain quotes, backslashes, dollar signs or line breaks"

  # shellcheck disable=SC2034  # all other files of this folder read them
  PID_DIR=$RUN_DIR/pids LOG_DIR=$RUN_DIR/logs DATA_DIR=$RUN_DIR/data CONF_DIR=$RUN_DIR/conf
  read_server_root

  check_ports
  # RabbitMQ needs more ports than the AMQP port. They are derived from it, so that each copy has its own and none
  # conflicts with a system-wide RabbitMQ.
  DISTRIBUTION_PORT=$((AMQP_PORT - 1000))   # Erlang distribution: rabbitmqctl connects to the node here
  # shellcheck disable=SC2034  # rabbitmq.sh reads it
  TOOLS_PORT=$((AMQP_PORT - 1500))          # the first of ten on which rabbitmqctl accepts the answers
  EPMD_PORT=$((AMQP_PORT - 2000))           # the Erlang port mapper
  set_brokers "$(cat "$RUN_DIR/brokers" 2>/dev/null || printf 1)"
}

# set_brokers N: sets the number of RabbitMQ nodes of this copy, 1 or 3, and with it the list of servers. The nodes of a
# cluster use consecutive ports.
set_brokers() {
  local number
  [[ $1 == [13] ]] || usage_error "the number of brokers is '$1'; it must be 1 or 3"
  BROKERS=$1 BROKER_NAMES=(rabbitmq)
  for ((number = 2; number <= BROKERS; number++)); do BROKER_NAMES+=("rabbitmq-$number"); done
  list_servers
  check_ports_differ
}

check_ports() {
  local setting port
  for setting in "CLAIMS_HTTP_PORT $HTTP_PORT" "CLAIMS_POSTGRES_PORT $POSTGRES_PORT" \
                 "CLAIMS_REDIS_PORT $REDIS_PORT" "CLAIMS_AMQP_PORT $AMQP_PORT"; do
    read -r setting port <<<"$setting"
    [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "$setting is '$port'; it must be a port number from 1 to 32767"
    ((port < 32768)) || usage_error "$setting is $port; it must be below 32768, because the kernel assigns the ports above to outgoing connections"
  done
  ((AMQP_PORT >= 3024)) || usage_error "CLAIMS_AMQP_PORT is $AMQP_PORT; it must be 3024 or more, because RabbitMQ also uses the ports 1000 and 2000 below it"
}

check_ports_differ() {
  local -A used=()
  local entry port name number entries=(
    "$HTTP_PORT CLAIMS_HTTP_PORT" "$POSTGRES_PORT CLAIMS_POSTGRES_PORT" "$REDIS_PORT CLAIMS_REDIS_PORT"
    "$AMQP_PORT CLAIMS_AMQP_PORT" "$DISTRIBUTION_PORT CLAIMS_AMQP_PORT minus 1000"
    "$EPMD_PORT CLAIMS_AMQP_PORT minus 2000")
  for ((number = 2; number <= BROKERS; number++)); do
    entries+=("$((AMQP_PORT + number - 1)) CLAIMS_AMQP_PORT of node $number")
    entries+=("$((DISTRIBUTION_PORT + number - 1)) CLAIMS_AMQP_PORT minus 1000 of node $number")
  done
  for entry in "${entries[@]}"; do
    read -r port name <<<"$entry"
    [[ -z ${used[$port]:-} ]] || usage_error "port $port is used twice: by ${used[$port]} and by $name; choose different ports"
    used[$port]=$name
  done
}

# print_settings_help: the arguments are the defaults, as for read_settings.
print_settings_help() {
  cat <<TEXT
Environment variables:
  CLAIMS_HTTP_PORT      port of the API (default $1)
  CLAIMS_POSTGRES_PORT  port of PostgreSQL (default $2)
  CLAIMS_REDIS_PORT     port of Redis (default $3)
  CLAIMS_AMQP_PORT      port of RabbitMQ (default $4); the ports 1000 and 2000 below it are used as well, and with
                        three brokers the next two of it and of the port 1000 below
  CLAIMS_RUN_DIR        folder of data, logs and process ids (default $5 in the checkout)
Copies with different ports and folders can run side by side. All ports listen on 127.0.0.1 only.
TEXT
}
