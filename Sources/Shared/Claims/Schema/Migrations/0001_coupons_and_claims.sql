-- Names and ids are compared bytewise (collate "C"), which is several times as fast as a language's collation.

-- Coupons with their amounts and rules.
create table coupons (
    id bigint generated always as identity primary key,
    name text collate "C" not null unique check (name ~ '^[A-Z0-9]+(_[A-Z0-9]+)*$' and length(name) <= 64),
    amount integer not null check (amount >= 0),
    -- This constraint makes overselling impossible.
    remaining_amount integer not null check (remaining_amount between 0 and amount),
    per_user_limit integer not null default 1 check (per_user_limit >= 1),
    starts_at timestamptz(3),
    ends_at timestamptz(3),
    -- Whether only the users in eligible_users may claim.
    is_restricted boolean not null default false,
    created_at timestamptz(3) not null default now(),
    check (ends_at > starts_at)
);

create table eligible_users (
    coupon_id bigint not null references coupons (id) on delete cascade,
    user_id text collate "C" not null check (length(user_id) between 1 and 128),
    primary key (coupon_id, user_id)
);

-- Claims that are no longer pending. Pending claims exist in the broker only.
create table claims (
    id text collate "C" constraint claims_pkey primary key check (length(id) between 1 and 64),
    -- The order of decision, by which claims are paged.
    number bigint generated always as identity,
    status text collate "C" not null check (status in ('claimed', 'rejected', 'dead_lettered', 'discarded', 'cancelled')),
    reason text,
    -- Both are null only if the message was unreadable.
    user_id text collate "C" check (length(user_id) between 1 and 128),
    coupon_name text collate "C" check (length(coupon_name) between 1 and 64),
    attempts integer not null check (attempts >= 0),
    created_at timestamptz(3),
    decided_at timestamptz(3) not null,
    check (status in ('dead_lettered', 'discarded')
        or (user_id is not null and coupon_name is not null and created_at is not null)),
    check (case status
        when 'claimed' then reason is null
        when 'rejected' then reason is not null and reason in
            ('sold_out', 'already_claimed', 'coupon_not_found', 'not_started', 'expired', 'not_eligible')
        when 'dead_lettered' then reason is not null
        else true end)
);
create index claims_of_a_coupon on claims (coupon_name, number);

-- One row for each coupon held by a user. A user's slots of a coupon are 1, 2 … without gaps. The unique key over them,
-- with slot <= per_user_limit, enforces the limit per user. The unique claim_id ensures that a claim gives one coupon.
-- Foreign keys would add a fifth to the cost of deciding a claim. The one statement that writes this table reads both
-- other tables, no statement deletes from those, and claimctl audit reports orphaned rows.
create table user_claims (
    -- The order of decision.
    number bigint generated always as identity,
    coupon_id bigint not null,
    user_id text collate "C" not null,
    slot integer not null check (slot >= 1),
    claim_id text collate "C" not null constraint user_claims_one_per_claim unique,
    primary key (coupon_id, number),
    constraint user_claims_one_per_slot unique (coupon_id, user_id, slot)
);
