import Testing

/// A trigger that makes claims fail in the database.
enum FailureInjection {
    /// Makes claims of these users fail until they are dead-lettered, then removes the trigger.
    ///
    /// - Returns: the ids of the claims.
    static func deadLetter(_ users: [String], of coupon: String, _ api: API) async throws -> [String] {
        try refuseAll()
        defer { try? stop() }
        let ids = try await users.asyncMap { try await api.submit($0, coupon).id }
        for id in ids {
            try #require(try await api.claim(id, wait: 20).outcome == "dead_lettered database_error")
            try await eventually("its message in claims.dead") { try RabbitMQ.dead(id) }
        }
        return ids
    }

    /// Makes every claim fail.
    static func refuseAll() throws { try refuse(when: "true") }

    /// Makes the claims of a user fail.
    static func refuse(_ user: String) throws { try refuse(when: "new.user_id = '\(user)'") }

    private static func refuse(when condition: String) throws {
        try Database.script(
            """
            create or replace function refuse() returns trigger language plpgsql as $$
            begin raise exception 'claim refused by the test'; end $$;
            create or replace trigger refuse before insert on user_claims for each row
            when (\(condition)) execute function refuse();
            """)
    }

    /// Makes the claims of a user fail when their transaction is committed.
    static func refuseAtCommit(_ user: String) throws {
        try Database.script(
            """
            create or replace function refuse() returns trigger language plpgsql as $$
            begin raise exception 'claim refused by the test'; end $$;
            drop trigger if exists refuse on user_claims;
            create constraint trigger refuse after insert on user_claims deferrable initially deferred for each row
            when (new.user_id = '\(user)') execute function refuse();
            """)
    }

    /// Makes every claim fail, after a time in seconds.
    static func refuseAll(after seconds: Double) throws {
        try Database.script(
            """
            create or replace function refuse() returns trigger language plpgsql as $$
            begin perform pg_sleep(\(seconds)); raise exception 'claim refused by the test'; end $$;
            create or replace trigger refuse before insert on user_claims for each row execute function refuse();
            """)
    }

    /// Delays the claims of two users by half a second. Those of the second user then fail.
    static func delay(_ user: String, andRefuse other: String) throws {
        try Database.script(
            """
            create or replace function refuse() returns trigger language plpgsql as $$
            begin
                perform pg_sleep(0.5);
                if new.user_id = '\(other)' then raise exception 'claim refused by the test'; end if;
                return new;
            end $$;
            create or replace trigger refuse before insert on user_claims for each row
            when (new.user_id in ('\(user)', '\(other)')) execute function refuse();
            """)
    }

    /// Makes the server refuse new rows of a table with an error of its own, and counts the refusals in `refusals`.
    static func refuseRows(of table: String, when condition: String, sqlState: String) throws {
        try Database.script(
            """
            create sequence if not exists refused;
            create or replace view refusals as select case when is_called then last_value else 0 end as calls from refused;
            alter sequence refused restart;
            create or replace function refuse() returns trigger language plpgsql as $$
            begin
                perform nextval('refused');
                raise exception 'refused by the test' using errcode = '\(sqlState)';
            end $$;
            create or replace trigger refuse before insert on \(table) for each row
            when (\(condition)) execute function refuse();
            """)
    }

    /// Makes each statement that inserts into a table take some seconds more.
    static func delayInserts(into table: String, seconds: Int) throws {
        try Database.script(
            """
            create or replace function delay() returns trigger language plpgsql as $$
            begin perform pg_sleep(\(seconds)); return null; end $$;
            create or replace trigger delay before insert on \(table) for each statement execute function delay();
            """)
    }

    /// Removes the trigger of ``delayInserts(into:seconds:)``.
    static func stopDelaying(_ table: String) throws {
        try Database.script("drop trigger if exists delay on \(table)")
    }

    /// Removes the triggers.
    static func stop() throws {
        try Database.script("drop trigger if exists refuse on user_claims; drop trigger if exists refuse on claims")
    }
}
