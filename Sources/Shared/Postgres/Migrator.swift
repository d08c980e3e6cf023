package import Foundation
internal import RuntimeSupport

/// Migrates a database schema: applies numbered SQL files in order, each of them once.
///
/// It can run while the programs use the tables. A statement that must lock a table waits only ``lockTimeout`` for it,
/// because all later statements on that table wait behind it, and tries again later.
package struct Migrator {
    /// What a run does at present.
    package enum Progress: Hashable, Sendable {
        case applying(Migration)
        /// Another process is migrating the same database.
        case waitingForOther
        /// A transaction uses a table that the migration must lock. The next try follows after `pause`.
        ///
        /// - Parameter longest: the longest transaction that runs, which is likely the cause.
        case waitingForLock(Migration, longest: String?, pause: Duration)
    }

    /// The known migrations, in order.
    package let migrations: [Migration]
    /// Well below the lock timeouts of the programs, so that none of their statements fails.
    private static let lockTimeout = Duration.milliseconds(300)
    /// The time after which a run fails that gets no lock.
    private let patience: Duration

    /// Reads the SQL files of a folder. A file's name begins with the number of its migration; other files are ignored.
    ///
    /// - Parameter patience: the longest wait for another migration, and for the locks of one migration.
    /// - Throws: a Foundation error if the folder or a file cannot be read.
    package init(folder: URL, patience: Duration = .seconds(600)) throws {
        migrations = try Migration.all(in: folder)
        self.patience = patience
    }

    /// Applies the missing migrations. Concurrent runs, also of other processes, wait for each other.
    ///
    /// - Parameter progress: called before each migration, and before each wait.
    /// - Returns: the names of the migrations that were applied.
    /// - Throws: ``PostgresError``. The failed migration is rolled back, unless it is no transaction; earlier ones remain
    ///   applied.
    package func migrate(
        on connection: PostgresConnection, progress: (Progress) -> Void = { _ in }
    ) throws(PostgresError) -> [String] {
        try lock(connection, progress)
        try connection.script(
            """
            set statement_timeout = 0;
            create table if not exists schema_migrations (
                number integer primary key, name text not null, applied_at timestamptz not null default now())
            """)
        let applied = try Self.applied(on: connection)
        let missing = migrations.filter { !applied.contains($0.number) }
        for migration in missing {
            progress(.applying(migration))
            if migration.isTransaction {
                try apply(migration, on: connection, progress)
            } else {
                try Self.applyStatements(of: migration, on: connection)
            }
        }
        try connection.script("select pg_advisory_unlock(\(Self.lockKey))")
        return missing.map(\.name)
    }

    /// Returns the numbers of the applied migrations.
    ///
    /// - Throws: ``PostgresError``, also if the database has never been migrated (SQLSTATE 42P01).
    package static func applied(on connection: PostgresConnection) throws(PostgresError) -> Set<Int> {
        let rows = try connection.execute("select number from schema_migrations")
        return Set((0..<rows.count).compactMap { rows.integer($0, 0) })
    }

    /// Takes the lock that only one migrator has. It belongs to the session: PostgreSQL releases it when the connection
    /// ends, also after an error.
    ///
    /// It polls. A statement that waits for the lock would hold a snapshot, and `create index concurrently` of the other
    /// process waits for all snapshots to end.
    private func lock(_ connection: PostgresConnection, _ progress: (Progress) -> Void) throws(PostgresError) {
        let end = ContinuousClock.now + patience
        var backoff = Backoff()
        while try connection.execute("select pg_try_advisory_lock(\(Self.lockKey))").boolean(0, 0) != true {
            guard ContinuousClock.now < end else {
                throw PostgresError(
                    sqlState: "55P03",
                    message: "another migration has been running for \(patience); nothing was changed")
            }
            progress(.waitingForOther)
            WakeSignal().wait(atMost: backoff.next())
        }
    }

    /// Applies and records a migration in one transaction, and repeats it until it gets its locks.
    private func apply(
        _ migration: Migration, on connection: PostgresConnection, _ progress: (Progress) -> Void
    ) throws(PostgresError) {
        let end = ContinuousClock.now + patience
        // The statements of the programs that waited behind this one finish in the pauses.
        var backoff = Backoff(first: .seconds(1), longest: .seconds(5))
        while true {
            do throws(PostgresError) {
                return try connection.script(
                    """
                    begin; set local lock_timeout = \(Self.lockTimeout.wholeMilliseconds);
                    \(migration.sql);
                    \(Self.record(migration));
                    commit
                    """)
            } catch {
                try connection.script("rollback")
                guard error.sqlState == "55P03", ContinuousClock.now < end else { throw error }
            }
            let pause = backoff.next()
            progress(.waitingForLock(migration, longest: try Self.longestTransaction(on: connection), pause: pause))
            WakeSignal().wait(atMost: pause)
        }
    }

    /// Applies the statements of a migration one by one, then records it. They wait for locks without a limit, since
    /// statements such as `create index concurrently` do not block others while they wait.
    private static func applyStatements(
        of migration: Migration, on connection: PostgresConnection
    ) throws(PostgresError) {
        try connection.script("set lock_timeout = 0")
        for statement in migration.statements { try connection.script(statement) }
        try connection.script(record(migration))
    }

    private static func record(_ migration: Migration) -> String {
        "insert into schema_migrations (number, name) values (\(migration.number), '\(migration.name)')"
    }

    private static func longestTransaction(on connection: PostgresConnection) throws(PostgresError) -> String? {
        let rows = try connection.execute(
            """
            select format('%s, process %s, for %s s', coalesce(nullif(application_name, ''), usename), pid,
                extract(epoch from clock_timestamp() - xact_start)::bigint)
            from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
            order by xact_start limit 1
            """)
        return rows.count > 0 ? rows.text(0, 0) : nil
    }

    /// The key of the advisory lock: an arbitrary number that nothing else in the database uses.
    private static let lockKey = 7_265_839_101
}
