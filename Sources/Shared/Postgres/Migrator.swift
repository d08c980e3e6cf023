package import Foundation

/// Migrates a database schema: applies numbered SQL files in order, each of them once.
package struct Migrator {
    /// A numbered SQL file.
    package struct Migration: Hashable, Sendable {
        package let number: Int
        /// The file's name without its extension.
        package let name: String
        package let sql: String
    }

    /// The known migrations, in order.
    package let migrations: [Migration]

    /// Reads the SQL files of a folder. A file's name begins with the number of its migration; other files are ignored.
    ///
    /// - Throws: a Foundation error if the folder or a file cannot be read.
    package init(folder: URL) throws {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        migrations = try files.filter { $0.pathExtension == "sql" }.compactMap { file in
            let name = file.deletingPathExtension().lastPathComponent
            guard let number = Int(name.prefix { $0.isNumber }) else { return nil }
            return Migration(number: number, name: name, sql: try String(contentsOf: file, encoding: .utf8))
        }.sorted { $0.number < $1.number }
    }

    /// Applies the missing migrations. Concurrent runs, also of other processes, wait for each other.
    ///
    /// - Parameter progress: called with each migration before it runs.
    /// - Returns: the names of the migrations that were applied.
    /// - Throws: ``PostgresError``. The failed migration is rolled back; earlier ones remain applied.
    package func migrate(
        on connection: PostgresConnection, progress: (Migration) -> Void = { _ in }
    ) throws(PostgresError) -> [String] {
        // The advisory lock belongs to the session: PostgreSQL releases it when the connection ends, also after an error.
        try connection.script(
            """
            set lock_timeout = 0; set statement_timeout = 0;
            select pg_advisory_lock(\(Self.lockKey));
            create table if not exists schema_migrations (
                number integer primary key, name text not null, applied_at timestamptz not null default now())
            """)
        let rows = try connection.execute("select number from schema_migrations")
        let applied = Set((0..<rows.count).compactMap { rows.integer($0, 0) })
        var names: [String] = []
        for migration in migrations where !applied.contains(migration.number) {
            progress(migration)
            // The migration and its record are one transaction.
            try connection.script(
                """
                begin;
                \(migration.sql);
                insert into schema_migrations (number, name) values (\(migration.number), '\(migration.name)');
                commit
                """)
            names.append(migration.name)
        }
        try connection.script("select pg_advisory_unlock(\(Self.lockKey))")
        return names
    }

    /// The key of the advisory lock: an arbitrary number that nothing else in the database uses.
    private static let lockKey = 7_265_839_101
}
