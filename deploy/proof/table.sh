# shellcheck shell=bash
# The result of a proof: a Markdown table with a line for each kind of fault, and whether anything was lost.

# finish_proof LIMIT…: ends the load, waits for the outcome of every accepted claim, prints the table, and fails if anything
# was lost, doubled or oversold, or if the audit has a finding.
finish_proof() {
  local oversold audit=0 accepted unaccepted unexpected lost doubled
  say "ending the load"
  stop_load
  await_all_decided 120
  oversold=$(count_oversold)
  read -r accepted lost doubled < <(count_between 0 99999999999 | tr '\t' ' ')
  unaccepted=$(jq .unaccepted "$WORK/load.json")
  unexpected=$(jq '.unexpected_answers | length' "$WORK/load.json")
  print_faults
  printf '\n%s claims accepted, %s lost, %s doubled, %s oversold; %s faults; %s requests repeated\n' \
    "$accepted" "$lost" "$doubled" "$oversold" "$(wc -l <"$WORK/faults")" "$(jq .repeated_requests "$WORK/load.json")"
  say "audit"
  "$PROGRAM_DIR/claimctl" audit >&2 || audit=$?
  ((lost + doubled + oversold + unaccepted + unexpected + audit == 0)) ||
    fail "lost $lost, doubled $doubled, oversold $oversold, never accepted $unaccepted, unexpected answers $(jq -c .unexpected_answers "$WORK/load.json"), exit status of the audit $audit" "$WORK/log"
}

# print_faults: prints a line for each kind of fault. Times are medians; if two are printed, median / longest.
print_faults() {
  printf '| fault | times | lasted, s | claims accepted until the next | lost | doubled | oversold | first decision, s after the start | every coupon, s after the start | every coupon, s after the end |\n'
  printf '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n'
  load_faults
  "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -F ' | ' -v ON_ERROR_STOP=1 -f "$DEPLOY_DIR/proof/faults.sql" >"$WORK/table" 2>>"$WORK/log" ||
    fail "the faults cannot be evaluated" "$WORK/log"
  sed 's/.*/| & |/' "$WORK/table"
}

load_faults() {
  {
    printf 'create table if not exists proof_faults (began numeric, ended numeric, recovered numeric, label text);\n'
    printf 'truncate proof_faults;\n\\copy proof_faults from %s\n' "'$WORK/faults'"
  } | "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -v ON_ERROR_STOP=1 >>"$WORK/log" 2>&1 ||
    fail "the faults cannot be loaded" "$WORK/log"
}
