-- Plans of operators: a fixed set of dead letters, to be replayed or discarded later whatever has arrived since.
create table dead_letter_plans (
    digest text collate "C" primary key,
    action text collate "C" not null check (action in ('replay', 'discard')),
    fingerprints text[] not null,
    made_at timestamptz(3) not null default now(),
    made_by text not null
);

-- Messages that operators discarded or edited: the complete message, the operator, the time and the reason.
create table dead_letter_archive (
    number bigint generated always as identity primary key,
    action text collate "C" not null check (action in ('discarded', 'mended')),
    -- The id of the claim, or an id derived from the content of the message.
    id text collate "C" not null,
    fingerprint text collate "C" not null,
    -- The number of identical messages.
    copies integer not null check (copies >= 1),
    note text,
    done_at timestamptz(3) not null default now(),
    done_by text not null,
    -- As claimctl dlq export writes it. Not jsonb, which cannot store every character.
    message json not null,
    restored_at timestamptz(3),
    restored_by text
);
-- A discard that is interrupted and run again archives nothing twice.
create unique index dead_letter_archive_once on dead_letter_archive (fingerprint, action) where restored_at is null;
create index dead_letter_archive_by_id on dead_letter_archive (id);
