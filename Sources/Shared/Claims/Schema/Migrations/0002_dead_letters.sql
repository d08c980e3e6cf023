-- What operators planned to do with dead letters, so that exactly that can be done later, whatever has arrived since.
create table dead_letter_plans (
    digest text collate "C" primary key,
    action text collate "C" not null check (action in ('replay', 'discard')),
    fingerprints text[] not null,
    made_at timestamptz(3) not null default now(),
    made_by text not null
);

-- What operators took out of the dead-letter queue for good, or changed: the whole message, who did it, when and why.
create table dead_letter_archive (
    number bigint generated always as identity primary key,
    action text collate "C" not null check (action in ('discarded', 'mended')),
    -- What the message is called: the claim's id, or one made from its content.
    id text collate "C" not null,
    fingerprint text collate "C" not null,
    -- How many messages there were that are alike to the last byte.
    copies integer not null check (copies >= 1),
    note text,
    done_at timestamptz(3) not null default now(),
    done_by text not null,
    -- As claimctl dlq export writes it. Not jsonb, which can't hold every character.
    message json not null,
    restored_at timestamptz(3),
    restored_by text
);
-- A discard that was broken off and is run again archives nothing twice.
create unique index dead_letter_archive_once on dead_letter_archive (fingerprint, action) where restored_at is null;
create index dead_letter_archive_by_id on dead_letter_archive (id);
