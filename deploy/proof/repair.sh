# shellcheck shell=bash
# What an operator does after PostgreSQL has lost claims that were accepted.

# count_lost: prints the number of accepted claims without an outcome.
count_lost() {
  sql "select count(*) from proof_accepted a left join claims c on c.id = a.id
       where c.id is null or c.status not in ('claimed', 'rejected')"
}

# audit_against_broker OPTION…: writes the report to $WORK/audit.json. Succeeds with and without violations.
audit_against_broker() {
  local status=0
  "$PROGRAM_DIR/claimctl" audit --against-broker --json "$@" >"$WORK/audit.json" 2>>"$WORK/log" || status=$?
  jq -e .against_broker "$WORK/audit.json" >/dev/null 2>>"$WORK/log" || fail "claimctl audit --against-broker has failed with exit status $status" "$WORK/log"
}

# repair: ends the load, lets claimctl name the lost claims and publish them again, and checks the result. Sets ACCEPTED,
# LOST (accepted claims without an outcome, by the load's own list), NAMED, REQUEUED, and the counts at the end: LEFT, DOUBLED,
# OVERSOLD.
repair() {
  say "ending the load"
  stop_load
  await_all_decided 20
  LOST=$(count_lost)
  say "claimctl audit --against-broker: $LOST accepted claims have no outcome"
  audit_against_broker
  NAMED=$(jq .against_broker.lost_count "$WORK/audit.json")
  [[ $(jq -r '.against_broker.lost[].id' "$WORK/audit.json" | sort) == "$(sql "select a.id from proof_accepted a
    left join claims c on c.id = a.id where c.id is null or c.status not in ('claimed', 'rejected')" | sort)" ]] ||
    fail "claimctl names other claims than those that were lost" "$WORK/audit.json"
  REQUEUED=0
  if ((NAMED > 0)); then
    audit_against_broker --requeue
    REQUEUED=$(jq .against_broker.requeued "$WORK/audit.json")
    await_all_decided 60
  fi
  read -r ACCEPTED LEFT DOUBLED < <(count_between 0 99999999999 | tr '\t' ' ')
  OVERSOLD=$(count_oversold)
  audit_against_broker
}

# require_repaired: fails unless every accepted claim has exactly one outcome now.
require_repaired() {
  local violations unaccepted unexpected
  violations=$(jq '.violations | length' "$WORK/audit.json")
  unaccepted=$(jq .unaccepted "$WORK/load.json") unexpected=$(jq '.unexpected_answers | length' "$WORK/load.json")
  ((LEFT + DOUBLED + OVERSOLD + violations + unaccepted + unexpected == 0 && LOST == NAMED && NAMED == REQUEUED)) ||
    fail "lost $LOST, named $NAMED, published again $REQUEUED, without an outcome $LEFT, doubled $DOUBLED, oversold $OVERSOLD, violations $violations, never accepted $unaccepted, unexpected answers $unexpected" "$WORK/log"
}
