-- What operators changed: when, who, what, on what, and with which outcome.
create table operator_actions (
    number bigint generated always as identity primary key,
    done_at timestamptz(3) not null default clock_timestamp(),
    -- A user of the system, or the name and id of an API key.
    operator text not null,
    action text collate "C" not null,
    subject text,
    outcome text not null,
    detail text
);
create index operator_actions_by_time on operator_actions (done_at);
