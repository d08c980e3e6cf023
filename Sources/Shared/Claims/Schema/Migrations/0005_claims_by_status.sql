-- no transaction
-- Pages of a coupon's claims, with and without a status, and the audit's counts. It replaces claims_of_a_coupon, so that
-- deciding a claim writes as many index entries as before. An interrupted run leaves an invalid index behind.
drop index concurrently if exists claims_of_a_coupon_by_status;
create index concurrently claims_of_a_coupon_by_status on claims (coupon_name, status, number);
