-- Fills an empty, migrated database with decided claims, to measure queries and claimctl audit:
--   psql "$DATABASE_URL" -v claims=10000000 -f deploy/benchmarks/large_tables.sql
-- Three coupons share the claims evenly. Of each coupon's claims, half are claimed, one in 10,000 is cancelled, and the
-- others are rejected. All invariants hold. Ids have the length and the randomness of real ones.
\set ON_ERROR_STOP on
\timing on
\if :{?claims} \else \set claims 10000000 \endif

begin;
insert into coupons (name, amount, remaining_amount)
select 'LARGE_' || n, 2147483647, 2147483647 from generate_series(0, 2) n;

insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
select md5(n::text) || substr(md5('b' || n), 1, 8), status, case status when 'rejected' then 'sold_out' end, 'user-' || n,
    'LARGE_' || n % 3, 1, timestamp '2026-01-01' + n * interval '1 ms', timestamp '2026-01-01' + n * interval '1 ms'
from (
    select n, case when n / 3 % 10000 = 9999 then 'cancelled' when n / 3 % 2 = 0 then 'claimed' else 'rejected' end as status
    from generate_series(0::bigint, :claims - 1) n
) made
order by n;

insert into user_claims (coupon_id, user_id, slot, claim_id)
select c.id, k.user_id, 1, k.id from claims k join coupons c on c.name = k.coupon_name
where k.status = 'claimed' order by k.number;

update coupons c set remaining_amount = amount - held.count
from (select coupon_id, count(*) as count from user_claims group by coupon_id) held
where held.coupon_id = c.id;
commit;

vacuum analyze coupons, claims, user_claims;
