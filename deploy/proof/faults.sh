# shellcheck shell=bash
# The faults of a proof. FAULT_begin TARGET causes one, FAULT_end TARGET ends it, and what it has stopped is started again.

RESUME_TIMEOUT=30   # seconds; a node usually resumes within 20 s after a partition

now() { printf '%s' "${EPOCHREALTIME/,/.}"; }

# cause FAULT TARGET SECONDS LABEL: causes a fault, ends it after some seconds, and waits until a claim of each coupon that
# was accepted after the end is decided. Appends a line to $WORK/faults: begin, end, recovery, label.
cause() {
  local fault=$1 target=$2 seconds=$3 label=$4 began ended recovered
  say "fault: $label, for $seconds s"
  REMARK=''
  began=$(now)
  "${fault}_begin" "$target"
  sleep "$seconds"   # the length of the fault
  "${fault}_end" "$target"
  ended=$(now)
  await_all_coupons "$ended" 90 || fail "90 s after the end of the fault '$label' not every coupon is decided again" "$WORK/log"
  recovered=$(now)
  printf '%s\t%s\t%s\t%s\n' "$began" "$ended" "$recovered" "$label$REMARK" >>"$WORK/faults"
}

# require_pid NAME
require_pid() {
  pid_of "$1" || fail "$1 does not run, although no fault has stopped it" "$LOG_DIR/$1"
}

# kill -9, and a start.
killed_begin() {
  local pid
  pid=$(require_pid "$1")
  kill -s KILL "$pid"
  await_exit "$pid" 10 || fail "$1 does not end after SIGKILL"
}
killed_end() { restore "$1"; }

# A graceful stop, and a start.
stopped_begin() {
  case $1 in
    api | worker-*) stop_program "$1" ;;
    *) stop_server "$1" ;;
  esac 2>>"$WORK/log"
}
stopped_end() { restore "$1"; }

# A process that does nothing for some time, as on a machine that swaps.
frozen_begin() { kill -s STOP "$(require_pid "$1")"; }
frozen_end() { kill -s CONT "$(require_pid "$1")"; }

# Redis loses everything.
wiped_begin() { redis_command flushall >>"$WORK/log" 2>&1; }
wiped_end() { :; }

redis_command() { REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -p "$REDIS_PORT" "$@"; }

# RabbitMQ blocks publishers.
memory_alarm_begin() { broker_tool rabbitmqctl set_vm_memory_high_watermark absolute 1000000 >>"$WORK/log" 2>&1; }
memory_alarm_end() { broker_tool rabbitmqctl set_vm_memory_high_watermark 0.4 >>"$WORK/log" 2>&1; }
disk_alarm_begin() { broker_tool rabbitmqctl set_disk_free_limit 1000000GB >>"$WORK/log" 2>&1; }
disk_alarm_end() { broker_tool rabbitmqctl set_disk_free_limit 200MB >>"$WORK/log" 2>&1; }

# The disk of PostgreSQL has no room. A server that could not write ends, and is started again.
full_disk_begin() {
  local ballast=$DATA_DIR/postgres/ballast free
  free=$(df --output=avail -B1 "$DATA_DIR/postgres" | tail -n 1)
  # Most of it at once. The rest is written, because the server may take some of it before.
  fallocate -l $((free - (64 << 20))) "$ballast" 2>>"$WORK/log" || true
  dd if=/dev/zero of="$ballast" bs=4096 oflag=append conv=notrunc 2>>"$WORK/log" || true
}
full_disk_end() {
  rm -f "$DATA_DIR/postgres/ballast"
  restore postgres
}

# move_database_to_disk: puts the data of PostgreSQL on a file system of its own, so that it can be full. Fails if none can
# be mounted: only root can, and not in every container.
move_database_to_disk() {
  local disk=$RUN_DIR/disk
  mkdir -p "$disk"
  mount -t tmpfs -o size=4g,mode=755 claims-proof "$disk" 2>/dev/null || return 1
  stop_server postgres
  mv "$DATA_DIR/postgres" "$disk/postgres"
  ln -s "$disk/postgres" "$DATA_DIR/postgres"
  start_servers postgres
  keep_started
} 2>>"$WORK/log"

remove_disk() {
  [[ -d $RUN_DIR/disk ]] || return 0
  ! mountpoint -q "$RUN_DIR/disk" || umount "$RUN_DIR/disk"
  rmdir "$RUN_DIR/disk"
}

# A node is cut off from the other nodes, but not from its clients.
separated_begin() {
  local port address
  port=$(broker_distribution_port "$1") address=$(broker_address "$1")
  nft -f - <<RULES
table inet proof {
  chain cut {
    type filter hook input priority 0
    tcp dport $port drop
    tcp sport $port drop
    ip saddr $address drop
    ip daddr $address drop
  }
}
RULES
}

# A node is cut off from everything.
isolated_begin() {
  local port
  port=$(broker_port "$1")
  separated_begin "$1"
  nft add rule inet proof cut tcp dport "$port" drop
  nft add rule inet proof cut tcp sport "$port" drop
}

separated_end() {
  nft delete table inet proof
  # It resumes by itself, but not always: https://github.com/rabbitmq/rabbitmq-server/issues/17319. Then an operator
  # restarts it.
  if ! (START_TIMEOUT=$RESUME_TIMEOUT && await_servers "$1") 2>>"$WORK/log"; then
    say "$1 has not resumed after $RESUME_TIMEOUT s; restarting it"
    REMARK="; $1 did not resume and was restarted"
    stop_server "$1" 2>>"$WORK/log"
    restore "$1"
  fi
  # An operator spreads the leaders then.
  complete_cluster 2>>"$WORK/log"
}
isolated_end() { separated_end "$1"; }

# broker_of PROGRAM: prints the node to which most connections of a program go.
broker_of() {
  local number
  number=$(ss -Htnp state established | awk -v pid="pid=$(require_pid "$1")," -v first="$AMQP_PORT" -v count="$BROKERS" '
    index($0, pid) {
      port = $4; sub(/.*:/, "", port)
      if (port >= first && port < first + count) connections[port - first]++
    }
    END { for (node in connections) if (connections[node] > most) { most = connections[node]; best = node }; print best }')
  [[ -n $number ]] || fail "$1 has no connection to RabbitMQ"
  printf '%s' "${BROKER_NAMES[number]}"
}

# leaders: prints for each node the number of queues whose leader it is.
leaders() {
  broker_tool rabbitmqctl -n "$(broker_node "$(running_broker)")" -p claims list_queues --no-table-headers leader |
    sort | uniq -c | awk '{ print $2 "\t" $1 }'
}

# leaders_are_spread: whether no node has two more leaders than another.
leaders_are_spread() {
  leaders | awk -v nodes="$BROKERS" '
    NR == 1 { low = $2; high = $2 }
    { if ($2 < low) low = $2; if ($2 > high) high = $2 }
    END { exit NR == nodes && high - low <= 1 ? 0 : 1 }'
}
