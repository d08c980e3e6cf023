-- Settings that all programs must agree on. "lanes" is stored by the first program that starts.
create table system_settings (
    name text collate "C" primary key,
    value integer not null,
    set_at timestamptz(3) not null default now()
);
