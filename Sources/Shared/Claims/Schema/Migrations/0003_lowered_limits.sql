-- The highest per_user_limit that a coupon had before it was lowered; null if it never was. Whoever got more coupons
-- under the higher limit keeps them, and claimctl audit must not take that for a violation.
alter table coupons add column former_user_limit integer check (former_user_limit >= 1);
