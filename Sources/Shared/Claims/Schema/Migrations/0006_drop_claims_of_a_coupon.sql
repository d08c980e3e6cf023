-- no transaction
drop index concurrently if exists claims_of_a_coupon;
