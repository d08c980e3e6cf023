# shellcheck shell=bash
# A cluster of three RabbitMQ nodes on this machine. Its first node creates the cluster, the others join it at their first
# start. Each quorum queue has a member on every node.

# cluster_configuration NAME: prints what a node's configuration has in a cluster.
#   pause_minority        a node that is cut off from the majority stops serving, so that its clients go to another node
#   net_ticktime          it finds out after 4 to 8 s; the default of 60 s is for slow networks
#   queue_leader_locator  the leader of a new queue is put on the node with the fewest
cluster_configuration() {
  cat <<CONF

cluster_partition_handling = pause_minority
net_ticktime = 6
queue_leader_locator = balanced
CONF
  [[ $1 != rabbitmq ]] || return 0
  cat <<CONF

cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = $RABBITMQ_NODE
cluster_formation.classic_config.nodes.2 = $(broker_node "$1")
CONF
}

# broker_address NAME: prints the address from which a node connects to the others, 127.0.0.12 for node 2. A firewall can
# tell the nodes apart by it.
broker_address() { printf '127.0.0.%s' $((10 + $(broker_number "$1"))); }

# source_address NAME: prints the Erlang option for that address.
source_address() {
  local address
  ((BROKERS > 1)) || return 0
  address=$(broker_address "$1")
  printf -- '-kernel inet_dist_connect_options [{ip,{%s}}]' "${address//./,}"
}

# must_join NAME: whether a node has not joined the cluster yet. An empty node that starts without the first one would
# create a cluster of its own.
must_join() {
  [[ $1 == rabbitmq-* && ! -e $DATA_DIR/$1/joined ]]
}

# broker_tool PROGRAM ARGUMENT…: runs rabbitmqctl or a related tool for the first node, or for another one with -n.
broker_tool() {
  (
    load_environment
    unset RABBITMQ_ERLANG_COOKIE   # the tools warn about it; they find it in the home folder
    export HOME=$DATA_DIR/rabbitmq
    exec "${IN_SERVER_ROOT[@]}" "$RABBITMQ_SBIN/$1" -q "${@:2}"
  ) </dev/null
}

# running_broker: prints the name of a node that serves; fails if there is none.
running_broker() {
  local name pid
  for name in "${BROKER_NAMES[@]}"; do
    if pid=$(pid_of "$name") && rabbitmq_is_ready "$name" "$pid"; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

# complete_cluster: once all nodes run, gives every queue a member on the nodes that have just joined, and spreads the
# leaders, which have left a node that was away. One call does all, because each starts an Erlang VM.
complete_cluster() {
  local name nodes=() result
  for name in "${BROKER_NAMES[@]}"; do
    pid_of "$name" >/dev/null || return 0
    nodes+=("'$(broker_node "$name")'")
  done
  say "rabbitmq: spreading the leaders of the queues over the nodes"
  result=$(broker_tool rabbitmqctl -n "$(broker_node "$(running_broker)")" eval \
    "Expected = [$(IFS=,; printf '%s' "${nodes[*]}")], $(cat "$DEPLOY_DIR/lib/complete_cluster.erl")" 2>&1) || true
  printf '%s\n' "$result" >>"$LOG_DIR/cluster"
  case $result in
    spread) ;;
    '{not_spread,'*) say "rabbitmq: the leaders are not spread yet; see $LOG_DIR/cluster. Run 'rabbitmq-queues rebalance quorum' later" ;;
    '{not_running,'*) fail "not all nodes are in the cluster: $result. A node that has never joined holds no claims: stop it with deploy/server stop, delete its folder in $DATA_DIR, and run this command again" ;;
    *) fail_with_log cluster "not every queue has a member on each node. No message is lost. Run this command again" ;;
  esac
  for name in "${BROKER_NAMES[@]}"; do touch "$DATA_DIR/$name/joined"; done
}
