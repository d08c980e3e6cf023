# shellcheck shell=bash
# The load of a proof, and what became of each claim.

# start_load RATE COUPONS AMOUNT [OPTION…]: creates coupons, each with AMOUNT, and claims them at RATE per second in the
# background. The options are those of load_claims.py.
start_load() {
  LOAD_RATE=$1 LOAD_COUPONS=$2
  sql "insert into coupons (name, amount, remaining_amount) select 'PROOF_' || n, $3, $3 from generate_series(0, $2 - 1) n"
  "$DEPLOY_DIR/proof/load_claims.py" --url "$CLAIMS_URL" --rate "$LOAD_RATE" --coupons "$LOAD_COUPONS" --run proof \
    --output "$WORK/accepted" "${@:4}" >"$WORK/load.json" 2>"$WORK/load.log" {LOCK}<&- &
  LOAD_PID=$!
}

# stop_load: ends the load and waits for the claims in progress.
stop_load() {
  local status=0
  kill -s TERM "$LOAD_PID"
  wait "$LOAD_PID" || status=$?
  LOAD_PID=''
  ((status == 0)) || fail "the load generator has failed" "$WORK/load.log"
}

require_load() {
  is_alive "$LOAD_PID" || fail "the load generator has ended" "$WORK/load.log"
}

# await_all_coupons TIME SECONDS: waits until a claim of each coupon that was accepted after TIME, in seconds since 1970, is
# decided; fails after SECONDS. The server itself looks, because each connection of psql costs CPU time.
await_all_coupons() {
  local end=$((SECONDS + $2)) decided
  while true; do
    # Without PostgreSQL nothing is decided.
    decided=$(sql "select count(*) from generate_series(0, $LOAD_COUPONS - 1) n where exists
                   (select from (values ('claimed'), ('rejected')) s (status),
                      lateral (select created_at from claims c where c.coupon_name = 'PROOF_' || n and c.status = s.status
                               order by number desc limit 1) newest
                    where created_at > to_timestamp($1))" 2>>"$WORK/log") || decided=0
    if ((decided >= LOAD_COUPONS)); then return 0; fi
    require_load
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

# await_all_decided SECONDS: waits until every accepted claim has a row, or the time is up.
await_all_decided() {
  local end=$((SECONDS + $1))
  {
    printf 'create table if not exists proof_accepted (id text collate "C" primary key, user_id text, coupon text, requests integer, at numeric, took numeric);\n'
    printf 'truncate proof_accepted;\n\\copy proof_accepted from %s\n' "'$WORK/accepted'"
  } | "$PSQL" "$DATABASE_URL" --no-psqlrc -qAtX -v ON_ERROR_STOP=1 >>"$WORK/log" 2>&1 ||
    fail "the accepted claims cannot be loaded; two claims may have got one id" "$WORK/log"
  until (($(sql "select count(*) from proof_accepted a where not exists (select from claims c where c.id = a.id)") == 0)) ||
    ((SECONDS >= end)); do
    sleep 0.5
  done
}

# count_between FROM TO: prints accepted, lost, doubled: the claims that were accepted from one time to another, those
# of them without an outcome (or in the dead-letter queue), and the users among them who hold a coupon more than once.
# Within a minute after the end of the load, a claim without a row is lost.
count_between() {
  sql "with period as (select * from proof_accepted where at >= $1 and at < $2)
       select (select count(*) from period),
              (select count(*) from period p left join claims c on c.id = p.id
               where c.id is null or c.status not in ('claimed', 'rejected')),
              (select count(*) from (select from user_claims u join period p using (user_id)
                                     group by u.user_id, u.coupon_id having count(*) > 1) d)"
}

# count_oversold: prints the number of coupons of which more were given out than there are.
count_oversold() {
  sql "select count(*) from coupons c
       where c.remaining_amount < 0 or (select count(*) from user_claims u where u.coupon_id = c.id) > c.amount
          or (select count(*) from claims d where d.coupon_name = c.name and d.status = 'claimed') > c.amount"
}

# first_decisions_after TIME: prints two times in seconds: from TIME to the first decision of a claim that was accepted after
# it, and to the moment at which that holds for every coupon.
first_decisions_after() {
  sql "select coalesce(round(min(first) - $1, 1)::text, '-'), coalesce(round(max(first) - $1, 1)::text, '-')
       from (select extract(epoch from min(decided_at)) as first from claims
             where created_at > to_timestamp($1) and decided_at > to_timestamp($1) and coupon_name like 'PROOF\\_%'
             group by coupon_name) coupons"
}
