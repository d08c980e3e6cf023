-- The highest per_user_limit that a coupon had before it was lowered; null if it never was. Users keep the coupons that
-- they got under the higher limit, and claimctl audit does not report them.
alter table coupons add column former_user_limit integer check (former_user_limit >= 1);
