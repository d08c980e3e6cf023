-- The raw limit of deciding: one claim per transaction on one hot coupon, in the obvious way.
\set id random(1, 9000000000000000000)
begin;
insert into claims (id, status, user_id, coupon_name, attempts, created_at, decided_at)
    values ('raw-' || :id, 'claimed', 'user-' || :id, 'RAW', 1, now(), now());
with sold as (
    update coupons set remaining_amount = remaining_amount - 1 where name = 'RAW' and remaining_amount > 0 returning id
)
insert into user_claims (coupon_id, user_id, slot, claim_id) select id, 'user-' || :id, 1, 'raw-' || :id from sold;
commit;
