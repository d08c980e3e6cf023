-- Keys of services that call the API. The secret itself is not stored.
create table api_keys (
    id text collate "C" primary key check (id ~ '^[0-9a-v]{16}$'),
    name text not null check (length(name) between 1 and 100),
    scopes text[] not null check (cardinality(scopes) > 0),
    -- SHA-256 of the whole key, in hexadecimal.
    key_hash text collate "C" not null check (key_hash ~ '^[0-9a-f]{64}$'),
    created_at timestamptz(3) not null default now(),
    created_by text not null,
    expires_at timestamptz(3),
    revoked_at timestamptz(3)
);

-- Each change raises this number, so that an API process can ask for changes without reading the keys. The row's lock puts
-- concurrent changes in the order of their numbers. The notification saves the wait until the next question.
insert into system_settings (name, value) values ('api_keys', 0);

create function announce_api_keys() returns trigger language plpgsql as $$
begin
    update system_settings set value = value + 1, set_at = now() where name = 'api_keys';
    perform pg_notify('claims_api_keys', '');
    return null;
end
$$;

create trigger api_keys_changed after insert or update or delete or truncate on api_keys
    for each statement execute function announce_api_keys();
