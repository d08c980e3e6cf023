# shellcheck shell=bash
# The figures of a benchmark: collected as "NAME VALUE" lines, written as JSON, printed as tables, compared with others.
#
# A name says what was measured and its unit, and does not change: the files of two versions can be compared. A figure
# that was measured several times counts with its median.

# record NAME VALUE: adds a measurement to the file RESULTS.
record() {
  printf '%s %s\n' "$1" "$2" >>"$RESULTS"
}

# record_all PREFIX: adds a measurement for each "NAME VALUE" line of stdin.
record_all() {
  local name value
  while read -r name value; do record "$1.$name" "$value"; done
}

# median_of NAME: prints the median of the measurements; nothing without any.
median_of() {
  awk -v name="$1" '$1 == name { print $2 }' "$RESULTS" | sort -g |
    awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# write_results FILE MODE PROGRAMS STARTED_AT: writes the figures in RESULTS as JSON. docs/benchmarks.md describes it.
write_results() {
  jq -Rn --arg mode "$2" --arg programs "$3" --arg started_at "$4" --arg finished_at "$(utc_time)" \
    --arg commit "$(source_version)" --arg kernel "$(uname -r)" --argjson cores "$(nproc)" \
    --arg processor "$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)" \
    --argjson memory_mib "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1024 }' /proc/meminfo)" \
    --argjson load_average "$(cut -d' ' -f1 /proc/loadavg)" '
    def median: sort | (.[((length + 1) / 2 | floor) - 1] + .[length / 2 | floor]) / 2;
    { format: 1, mode: $mode, programs: $programs, commit: $commit, started_at: $started_at, finished_at: $finished_at,
      machine: { cores: $cores, processor: $processor, memory_mib: $memory_mib, kernel: $kernel, load_average: $load_average },
      figures: ([inputs | split(" ") | { name: .[0], value: (.[1] | tonumber) }] | group_by(.name)
        | map({ key: .[0].name, value: { median: (map(.value) | median), values: map(.value) } }) | from_entries) }' \
    "$RESULTS" >"$1.new"
  mv -f "$1.new" "$1"
}

utc_time() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# source_version: prints the commit of the checkout, and whether files differ from it.
source_version() { git -C "$ROOT" describe --always --dirty --abbrev=12 2>/dev/null || printf 'unknown\n'; }

# require_results FILE: ends the script if FILE is not a file of results.
require_results() {
  jq -e '.format == 1 and (.figures | type) == "object"' "$1" >/dev/null 2>&1 ||
    usage_error "$1 is not a result of deploy/bench that this version can read"
}

# require_figures FILE NAME…: ends the script if a figure is missing or not positive. Then the benchmark does not work.
require_figures() {
  local file=$1 missing; shift
  missing=$(jq -r --args '[$ARGS.positional[] as $name | select((.figures[$name].median // 0) <= 0) | $name] | join(", ")' "$file" "$@")
  [[ -z $missing ]] || fail "the benchmark has not measured $missing; the other figures are in $file"
}

# require_output FILE: ends the script if the figures cannot be written to FILE.
require_output() {
  [[ -d $(dirname -- "$1") && ! -d $1 ]] || usage_error "--output is '$1'; it must be a file in an existing folder"
}

# compare_results BEFORE AFTER: prints all figures of two files with the change of each. If the ranges of the
# rounds overlap, the change may be noise; one round alone shows no range.
compare_results() {
  printf '\n%-44s %14s %14s %10s  %s\n' "figure (medians)" "$(basename "$1")" "$(basename "$2")" change ranges
  jq -rn --slurpfile before "$1" --slurpfile after "$2" '
    $before[0].figures as $a | $after[0].figures as $b | ($a + $b | keys_unsorted | unique)[]
    | . as $name | $a[$name] as $x | $b[$name] as $y
    | [$name, ($x.median // "-"), ($y.median // "-"),
        (if $x == null or $y == null or ([$x, $y | .values | length] | min) < 2 then ""
         elif ($x.values | max) < ($y.values | min) or ($y.values | max) < ($x.values | min) then "apart" else "overlap" end)]
    | @tsv' |
    awk -F '\t' '{
      change = "-"
      if ($2 != "-" && $3 != "-" && $2 != 0) change = sprintf("%+.1f %%", ($3 / $2 - 1) * 100)
      printf "%-44s %14s %14s %10s  %s\n", $1, short($2), short($3), change, $4
    }
    function short(x) { return x == "-" ? x : sprintf(x >= 1000 || x == int(x) ? "%.0f" : "%.2f", x) }' | sed 's/ *$//'
}

# figure LABEL NAME [RAW_NAME [TARGET]]: prints a line of a table: the median, the raw limit, their ratio and the target.
# TARGET is a comparison with a number: "<= 70" of the figure itself, ">= 0.35 x raw" of the ratio.
figure() {
  local label=$1 ours raw='' target=${4:-}
  ours=$(median_of "$2")
  [[ -n $ours ]] || return 0
  [[ -z ${3:-} ]] || raw=$(median_of "$3")
  awk -v label="$label" -v ours="$ours" -v raw="$raw" -v target="$target" 'BEGIN {
    ratio = raw == "" || raw == 0 ? "" : sprintf("%.2f", ours / raw)
    split(target, part, " ")
    value = target ~ /x raw/ ? ratio : ours
    met = target == "" || value == "" ? "" : (part[1] == ">=" ? value + 0 >= part[2] + 0 : value + 0 <= part[2] + 0) ? "met" : "missed"
    printf "%-44s %12s %12s %8s  %-14s %s\n", label, number(ours), number(raw), ratio, target, met
  }
  function number(x) { return x == "" ? "-" : sprintf(x >= 1000 || x == int(x) ? "%.0f" : "%.1f", x) }' | sed 's/ *$//'
}

figure_heading() { printf '\n%-44s %12s %12s %8s  %s\n' "$1" ours raw ratio target; }

# print_figures: prints the tables of deploy/bench, with the targets of this project.
print_figures() {
  local stage claims
  for stage in accept accept_1000 decide_1 decide_1000 mixed; do
    claims="$(stage_title "$stage")"
    figure_heading "$claims"
    case $stage in
      accept) figure "claims a second, 64 connections" accept.claims_per_second raw.publish_window_2000.messages_per_second '>= 0.35 x raw' ;;
      accept_1000) figure "claims a second, 64 connections" accept_1000.claims_per_second raw.publish_window_2000.messages_per_second ;;
      decide_*) figure "claims a second" "$stage.claims_per_second" raw.decide.claims_per_second '>= 8 x raw' ;;
      mixed) figure "claims a second, 64 connections" mixed.claims_per_second ;;
    esac
    if [[ $stage == accept ]]; then figure "p99 in ms" accept.p99_ms '' '<= 25'; else figure "p99 in ms" "$stage.p99_ms"; fi
    figure "requests that were not accepted" "$stage.not_accepted" '' '<= 0'
    print_cpu_figures "$stage"
  done
  figure_heading "one claim at a time"
  figure "POST to outcome, median in ms" alone.median_ms '' '<= 4'
  [[ -n $(median_of memory.api_peak_mib) ]] || return 0
  figure_heading "memory with a backlog, in MiB"
  figure "ClaimAPI, peak" memory.api_peak_mib '' '<= 100'
  figure "ClaimWorker, peak" memory.worker_peak_mib '' '<= 100'
  figure "Redis' data" memory.redis_mib
}

stage_title() {
  case $1 in
    accept) printf 'accept, 1 coupon, workers stopped' ;;
    accept_1000) printf 'accept, 1000 coupons, workers stopped' ;;
    decide_1) printf 'decide, 1 coupon' ;;
    decide_1000) printf 'decide, 1000 coupons' ;;
    mixed) printf 'accept and decide, 1000 coupons' ;;
  esac
}

# print_cpu_figures STAGE
print_cpu_figures() {
  local stage=$1 raw_rabbitmq='' raw_postgres=''
  local -A target=()
  case $stage in
    accept) target=([api]='<= 70' [rabbitmq]='<= 25' [redis]='<= 10' [system]='<= 115') ;;
    decide_1) target=([postgres]='<= 30' [worker]='<= 14' [rabbitmq]='<= 4' [redis]='<= 6' [system]='<= 55') ;;
  esac
  case $stage in
    accept*) raw_rabbitmq=raw.publish_window_2000.cpu_us.rabbitmq ;;
    decide*) raw_postgres=raw.decide.cpu_us.postgres ;;
  esac
  figure "CPU time a claim, in us: ClaimAPI" "$stage.cpu_us.api" '' "${target[api]:-}"
  figure "  ClaimWorker" "$stage.cpu_us.worker" '' "${target[worker]:-}"
  figure "  RabbitMQ" "$stage.cpu_us.rabbitmq" "$raw_rabbitmq" "${target[rabbitmq]:-}"
  figure "  Redis" "$stage.cpu_us.redis" '' "${target[redis]:-}"
  figure "  PostgreSQL" "$stage.cpu_us.postgres" "$raw_postgres" "${target[postgres]:-}"
  figure "  all of the system" "$stage.cpu_us.system" '' "${target[system]:-}"
  figure "  load generator" "$stage.cpu_us.load_generator"
}

# table_heading TITLE…: prints the heading of a Markdown table.
table_heading() {
  local title line='|' rule='|'
  for title in "$@"; do line+=" $title |" rule+=' --- |'; done
  printf '\n%s\n%s\n' "$line" "$rule"
}

# table_row LABEL NAME…: prints a row of a Markdown table, with the medians of the named figures.
table_row() {
  local name value line="| $1 |"; shift
  for name in "$@"; do
    value=$(median_of "$name")
    line+=" $(awk -v x="$value" 'BEGIN { print x == "" ? "-" : sprintf(x >= 1000 || x == int(x) ? "%.0f" : "%.1f", x) }') |"
  done
  printf '%s\n' "$line"
}
