# shellcheck shell=bash
# The result of a proof: a Markdown table with a line for each fault, and whether anything was lost.

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

# print_faults: claims count for the last fault that began before they were accepted. Times are in seconds.
print_faults() {
  local began ended label next i counts first last lines
  mapfile -t lines <"$WORK/faults"
  printf '| fault | lasted | claims accepted until the next | lost | doubled | first decision after its start | every coupon after its start | every coupon after its end |\n'
  printf '| --- | --- | --- | --- | --- | --- | --- | --- |\n'
  for ((i = 0; i < ${#lines[@]}; i++)); do
    IFS=$'\t' read -r began ended _ label <<<"${lines[i]}"
    next=99999999999
    if ((i + 1 < ${#lines[@]})); then next=${lines[i + 1]%%$'\t'*}; fi
    IFS=$'\t' read -r -a counts < <(count_between "$began" "$next")
    IFS=$'\t' read -r -a first < <(first_decisions_after "$began")
    IFS=$'\t' read -r -a last < <(first_decisions_after "$ended")
    printf '| %s | %s s | %s | %s | %s | %s s | %s s | %s s |\n' "$label" \
      "$(awk "BEGIN { printf \"%.1f\", $ended - $began }")" "${counts[@]}" "${first[@]}" "${last[1]}"
  done
}
