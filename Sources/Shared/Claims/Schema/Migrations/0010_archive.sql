-- Coupons that ended before the retention period, and their claims. ClaimWorker moves them here and deletes them later.
create table coupons_archive (
    coupon_id bigint primary key,
    name text collate "C" not null,
    -- As the coupon had them before the first of its claims was moved.
    amount integer not null,
    remaining_amount integer not null,
    ends_at timestamptz(3) not null,
    archived_at timestamptz(3) not null default clock_timestamp()
);

create table claims_archive (
    id text collate "C" primary key,
    status text collate "C" not null,
    reason text,
    user_id text collate "C",
    coupon_name text collate "C",
    attempts integer not null,
    created_at timestamptz(3),
    decided_at timestamptz(3) not null,
    archived_at timestamptz(3) not null default clock_timestamp()
);
create index claims_archive_by_age on claims_archive (archived_at);
