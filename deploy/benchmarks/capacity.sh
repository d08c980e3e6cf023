# shellcheck shell=bash
# What deploy/bench-capacity measures with each number of brokers and workers. The figures are called
# brokers_B.workers_W.STAGE…; capacity.py compares them with the model.

# in_turn ROUND VALUE…: prints the values, in the reverse order in every second round, because the first of a round may
# always find the machine in another state than the last.
in_turn() {
  local round=$1; shift
  if ((round % 2)); then printf '%s\n' "$@"; else printf '%s\n' "$@" | tac; fi
}

# measure_brokers BROKERS ROUND: one round with the copy that runs.
measure_brokers() {
  local brokers=$1 round=$2 count name
  say "round $round of $rounds, brokers: $brokers; accepting, workers stopped"
  accept "brokers_$brokers.workers_0.accept" A 1000 1000000000 --duration "$seconds"
  workers 1
  await_decided A
  workers 0
  for count in $(in_turn "$round" "${WORKERS[@]}"); do
    name=brokers_$brokers.workers_$count
    say "round $round of $rounds, brokers: $brokers; deciding $claims claims, workers: $count"
    coupons "D$count" 1000
    post "D$count" 1000 "$claims"
    decide "$name.decide" "D$count" "$count"
    say "round $round of $rounds, brokers: $brokers; accepting and deciding, workers: $count"
    accept_with_workers "$count" "$name.mixed" "M$count" 1000 1000000000 --duration "$seconds"
  done
}
