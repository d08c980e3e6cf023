# shellcheck shell=bash
# What deploy/bench-storage measures with each variant of the storage settings. The figures are called VARIANT.….
# The script sets loaded_claims, claims and cancels.

VARIANTS=(default autovacuum cost_limit fillfactor_90 fillfactor_70 coupons_50 wal_pglz wal_off wal_8gb buffers_2gb server)
TABLES=(claims user_claims coupons)   # those that deciding and cancelling write
LOAD_COUPONS=1000
LOAD_LANES=8    # the default number of lanes and of claims in a batch
LOAD_BATCH=500

# variant_sql VARIANT: prints the statements that choose the settings of the tables, which are still empty.
variant_sql() {
  local table
  for table in "${TABLES[@]}"; do
    case $1:$table in
      autovacuum:coupons) storage "$table" autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000 ;;
      autovacuum:*) storage "$table" autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02 ;;
      cost_limit:*) storage "$table" autovacuum_vacuum_cost_limit = 2000 ;;
      coupons_50:coupons) storage "$table" fillfactor = 50 ;;
      fillfactor_*:*) storage "$table" fillfactor = "${1#fillfactor_}" ;;
    esac
  done
}

storage() { printf 'alter table %s set (%s);\n' "$1" "${*:2}"; }

# variant_settings VARIANT: prints the settings of the server, one in each line.
variant_settings() {
  case $1 in
    wal_pglz | wal_off) echo "wal_compression = ${1#wal_}" ;;
    wal_8gb) echo 'max_wal_size = 8GB' ;;
    buffers_2gb) echo 'shared_buffers = 2GB' ;;
    server) printf '%s\n' 'max_wal_size = 8GB' 'shared_buffers = 2GB' ;;
  esac
}

# measure_variant VARIANT: real batches on empty tables, the load, real batches on full tables after a checkpoint, cancels, and
# the tables.
measure_variant() {
  local variant=$1 settings
  mapfile -t POSTGRES_SETTINGS < <(variant_settings "$variant")
  restart_postgres
  restart_empty "$PROGRAM_DIR"
  settings=$(variant_sql "$variant")
  [[ -z $settings ]] || sql "$settings"
  say "$variant: deciding $claims claims, tables empty"
  measure_batches "$variant.fresh" F
  say "$variant: loading $loaded_claims claims"
  load_tables "$variant"
  restart_postgres   # ends with a checkpoint; otherwise the costs would depend on the time since the last one
  say "$variant: deciding $claims claims, tables full"
  measure_batches "$variant.full" G
  say "$variant: cancelling $cancels claims"
  measure_cancels "$variant.cancel" G
  "$PROGRAM_DIR/claimctl" audit >&2
}

# restart_postgres: with the settings of the variant.
restart_postgres() {
  {
    stop_server postgres
    start_servers postgres
  } 2>>"$WORK/log"
  keep_started
}

# wal_position: prints the bytes of WAL that the server has written since its first start.
wal_position() { sql "select pg_current_wal_insert_lsn() - '0/0'"; }

# wal_per_unit BEFORE COUNT: prints the bytes of WAL since BEFORE, for each of COUNT.
wal_per_unit() { awk -v before="$1" -v after="$(wal_position)" -v count="$2" 'BEGIN { printf "%.1f\n", (after - before) / count }'; }

# measure_batches STAGE PREFIX: accepts claims, and has a worker decide them.
measure_batches() {
  local before
  coupons "$2" "$LOAD_COUPONS"
  post "$2" "$LOAD_COUPONS" "$claims"
  before=$(wal_position)
  decide "$1" "$2"
  record "$1.wal_bytes" "$(wal_per_unit "$before" "$(accepted_claims)")"
}

# load_tables VARIANT: the bulk of the claims, and what it has left behind.
load_tables() {
  local before began=$EPOCHREALTIME
  coupons LOAD "$LOAD_COUPONS"
  before=$(wal_position)
  "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -v claims="$loaded_claims" -v batch="$LOAD_BATCH" -v coupons="$LOAD_COUPONS" \
    -v lanes="$LOAD_LANES" -f "$DEPLOY_DIR/benchmarks/storage_load.sql" >>"$WORK/log" 2>&1 ||
    fail "the claims cannot be loaded" "$WORK/log"
  record "$1.load.wal_bytes" "$(wal_per_unit "$before" "$loaded_claims")"
  record "$1.load.claims_per_second" "$(awk -v a="$began" -v b="$EPOCHREALTIME" -v n="$loaded_claims" 'BEGIN { printf "%.0f\n", n / (b - a) }')"
  record_sizes "$1"
  record_tuples "$1"
}

# record_sizes VARIANT: bytes of table and indexes per row of claims, and the bytes of WAL for each byte that is stored.
record_sizes() {
  sql "select t.name || '.table_bytes ' || round(pg_table_size(t.name::regclass)::numeric / c.count, 2) || E'\n'
         || t.name || '.index_bytes ' || round(pg_indexes_size(t.name::regclass)::numeric / c.count, 2)
       from unnest(string_to_array('${TABLES[*]}', ' ')) as t(name), (select count(*) from claims) c" | record_all "$1"
  record "$1.load.wal_per_stored_byte" "$(awk -v variant="$1" '
    index($1, variant ".") == 1 && $1 ~ /\.(table|index)_bytes$/ { last[$1] = $2 }
    $1 == variant ".load.wal_bytes" { wal = $2 }
    END { for (name in last) stored += last[name]; printf "%.2f\n", wal / stored }' "$RESULTS")"
}

# record_tuples VARIANT: dead rows, and runs of autovacuum. A connection hands in its counts at its end at the latest, and
# those of the load and of the workers have ended.
record_tuples() {
  sql "select relname || '.dead_tuples ' || n_dead_tup || E'\n' || relname || '.autovacuums ' || autovacuum_count
       from pg_stat_user_tables where relname = any(string_to_array('${TABLES[*]}', ' '))" | record_all "$1"
  record_hot_share "$1.load" 0 0 coupons
}

# updates TABLE: prints the numbers of updates, and of those that wrote no index entry (HOT).
updates() { sql "select n_tup_upd || ' ' || n_tup_hot_upd from pg_stat_user_tables where relname = '$1'"; }

# record_hot_share STAGE UPDATES HOT TABLE: the percentage of HOT updates since the two numbers; nothing without an update.
record_hot_share() {
  local all hot
  read -r all hot < <(updates "$4")
  ((all > $2)) || return 0
  record "$1.$4.hot_percent" "$(awk -v hot="$((hot - $3))" -v all="$((all - $2))" 'BEGIN { printf "%.1f\n", 100 * hot / all }')"
}

# measure_cancels STAGE PREFIX: cancels claims over HTTP, as clients do.
measure_cancels() {
  local stage=$1 prefix=$2 before table all hot marks=() mark accepted
  sql "select 'url = \"$CLAIMS_URL/claims/' || id || '/cancel\"' || E'\noutput = /dev/null'
       from claims where coupon_name like '$prefix\\_%' and status = 'claimed' order by number limit $cancels" >"$WORK/cancels"
  for table in "${TABLES[@]}"; do marks+=("$table $(updates "$table")"); done
  before=$(wal_position)
  workers 1
  curl --silent --show-error --max-time 60 --parallel --parallel-max 64 --request POST --write-out '%{http_code}\n' \
    --config "$WORK/cancels" >"$WORK/cancelled" 2>>"$WORK/log" || fail "the claims cannot be cancelled" "$WORK/log"
  accepted=$(grep -c '^202$' "$WORK/cancelled") || true
  [[ $accepted == "$cancels" ]] || fail "$accepted of $cancels cancels were accepted" "$WORK/cancelled"
  await_cancelled "$prefix"
  workers 0   # its connections end, and with them their counts are handed in
  record "$stage.wal_bytes" "$(wal_per_unit "$before" "$cancels")"
  for mark in "${marks[@]}"; do
    read -r table all hot <<<"$mark"
    record_hot_share "$stage" "$all" "$hot" "$table"
  done
}

# await_cancelled PREFIX: waits until all are cancelled.
await_cancelled() {
  local end=$((SECONDS + 120))
  until (($(sql "do \$\$ begin
      for i in 1 .. 100 loop
        exit when (select count(*) from claims where coupon_name like '$1\\_%' and status = 'cancelled') >= $cancels;
        perform pg_sleep(0.1);
      end loop; end \$\$" && sql "select count(*) from claims where coupon_name like '$1\\_%' and status = 'cancelled'") >= cancels)); do
    is_running worker-1 || fail_with_log worker-1 "worker-1 has ended during the benchmark"
    ((SECONDS < end)) || fail "the claims were not cancelled within 2 minutes; the benchmark is incomplete"
  done
}

print_storage() {
  local variant state
  table_heading 'bytes per claim' 'claims, table' 'claims, indexes' 'user_claims, table' 'user_claims, indexes' 'coupons, table' 'WAL of the load' 'WAL per stored byte'
  for variant in "${variants[@]}"; do
    table_row "$variant" "$variant".{claims.table_bytes,claims.index_bytes,user_claims.table_bytes,user_claims.index_bytes,coupons.table_bytes,load.wal_bytes,load.wal_per_stored_byte}
  done
  table_heading 'after the load' 'claims, dead rows' 'user_claims, dead rows' 'coupons, dead rows' 'claims, autovacuums' 'user_claims, autovacuums' 'coupons, autovacuums' 'coupons, HOT %'
  for variant in "${variants[@]}"; do
    table_row "$variant" "$variant".{claims,user_claims,coupons}.dead_tuples "$variant".{claims,user_claims,coupons}.autovacuums "$variant.load.coupons.hot_percent"
  done
  for state in fresh full; do
    table_heading "batches, tables ${state/fresh/empty}" 'claims/s' 'PostgreSQL µs' 'all µs' 'WAL bytes per claim' 'claims in a batch'
    for variant in "${variants[@]}"; do
      table_row "$variant" "$variant.$state".{claims_per_second,cpu_us.postgres,cpu_us.system,wal_bytes,claims_per_batch}
    done
  done
  table_heading 'cancels, tables full' 'WAL bytes per cancel' 'claims, HOT %' 'coupons, HOT %'
  for variant in "${variants[@]}"; do
    table_row "$variant" "$variant.cancel".{wal_bytes,claims.hot_percent,coupons.hot_percent}
  done
}
