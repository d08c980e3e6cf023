-- Fills the tables in the way in which workers do, so that autovacuum has the same work: each transaction decides a batch of
-- claims of one lane, half of them for a coupon, and updates the row of each coupon once.
--   psql … -v claims=10000000 -v batch=500 -v coupons=1000 -v lanes=8 -f deploy/benchmarks/storage_load.sql
-- The coupons LOAD_0 … exist. All invariants hold. Ids have the length and the randomness of real ones.
\set ON_ERROR_STOP on

create procedure pg_temp.load(total bigint, size integer, coupon_count integer, lane_count integer)
language plpgsql as $$
declare
    per_lane integer := coupon_count / lane_count;
    first bigint := 0;
    lane bigint;
begin
    while first < total loop
        lane := first / size % lane_count;
        with made as materialized (
            select n, md5(n::text) || substr(md5('b' || n), 1, 8) as id, 'user-' || n as user_id,
                'LOAD_' || (n % per_lane * lane_count + lane) as name, n / per_lane % 2 = 0 as wins
            from generate_series(first, least(first + size, total) - 1) n
        ), inserted as (
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select id, case when wins then 'claimed' else 'rejected' end, case when wins then null else 'sold_out' end,
                user_id, name, 1, clock_timestamp(), clock_timestamp()
            from made order by n
        ), given as (
            insert into user_claims (coupon_id, user_id, slot, claim_id)
            select c.id, m.user_id, 1, m.id from made m join coupons c on c.name = m.name where m.wins order by m.n
        )
        update coupons c set remaining_amount = c.remaining_amount - won.count
        from (select name, count(*) as count from made where wins group by name) won
        where c.name = won.name;
        commit;
        first := first + size;
    end loop;
end
$$;

call pg_temp.load(:claims, :batch, :coupons, :lanes);
