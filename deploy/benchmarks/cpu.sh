# shellcheck shell=bash
# CPU time of the processes of a copy, as the kernel counts it in /proc/PID/stat. Unlike a throughput it hardly changes
# when other programs use the machine.

CPU_HERTZ=$(getconf CLK_TCK)

# cpu_snapshot: prints "NAME TICKS" for api, worker, rabbitmq, redis and postgres: the time of the process of each file in
# pids/, of all its descendants, and of their children that have ended. Several workers are one number.
cpu_snapshot() {
  local file name pid roots='' own=() tries=20
  for file in "$PID_DIR"/*; do
    name=${file##*/}
    pid=$(pid_of "$name") || continue
    roots+=" ${name%%-*}:$pid"
    own+=("/proc/$pid/stat")
  done
  # A child that ends between two reads would be counted twice, or not at all: awk compares the times of ended children
  # before and after the pass, and the pass is repeated if they differ.
  # cat fails if some other process has ended since the pattern was expanded, which does not matter.
  until { cat "${own[@]}" /proc/[0-9]*/stat "${own[@]}" 2>/dev/null || true; } | add_up_cpu "${roots# }"; do
    ((--tries > 0)) || fail "the CPU time of the servers cannot be read, because their child processes change all the time"
  done
}

# add_up_cpu ROOTS: reads lines of /proc/PID/stat. ROOTS is a list of NAME:PID. Fails if a child of a root has ended
# since.
add_up_cpu() {
  awk -v roots="$1" '
    { pid = $1; if (!sub(/^.*\) /, "")) next }
    { if (!(pid in first)) first[pid] = $14 + $15; last[pid] = $14 + $15; parent[pid] = $2; ticks[pid] = $12 + $13 + $14 + $15 }
    END {
      count = split(roots, list, " ")
      for (i = 1; i <= count; i++) {
        split(list[i], entry, ":")
        name_of[entry[2]] = entry[1]
        total[entry[1]] += 0
        if (first[entry[2]] != last[entry[2]]) exit 1
      }
      for (pid in ticks) {
        for (root = pid; root > 1 && !(root in name_of); root = parent[root]) {}
        if (root in name_of) total[name_of[root]] += ticks[pid]
      }
      for (name in total) printf "%s %d\n", name, total[name]
    }'
}

# cpu_per_unit BEFORE AFTER COUNT: prints "NAME MICROSECONDS" for each process, and their sum as "system", from two files
# of snapshots. A process that BEFORE lacks was started between them.
cpu_per_unit() {
  awk -v hertz="$CPU_HERTZ" -v count="$3" '
    NR == FNR { before[$1] = $2; next }
    { used = ($2 - before[$1]) * 1e6 / hertz / count; sum += used; printf "%s %.2f\n", $1, used }
    END { printf "system %.2f\n", sum }' "$1" "$2"
}
