package import Foundation

/// Brings a database's schema up to date: numbered SQL files, in order, each applied once.
package struct Migrator {
    /// One numbered file.
    package struct Migration: Hashable, Sendable {
        package let number: Int
        package let name: String
        package let sql: String
    }

    /// The migrations that this version of the programs knows, in order.
    package let migrations: [Migration]

    /// Reads the SQL files of a folder; each name begins with the migration's number.
    ///
    /// - Throws: an error of Foundation if the folder or a file can't be read.
    package init(folder: URL) throws {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        migrations = try files.filter { $0.pathExtension == "sql" }.compactMap { file in
            let name = file.deletingPathExtension().lastPathComponent
            guard let number = Int(name.prefix { $0.isNumber }) else { return nil }
            return Migration(number: number, name: name, sql: try String(contentsOf: file, encoding: .utf8))
        }.sorted { $0.number < $1.number }
    }

    /// Applies what is missing. Several that start at once wait for each other.
    ///
    /// - Parameter progress: told of each migration before it runs.
    /// - Returns: the names of those that were applied.
    /// - Throws: ``PostgresError``; the one that failed left nothing behind, those before it stay.
    package func migrate(
        on connection: PostgresConnection, progress: (Migration) -> Void = { _ in }
    ) throws(PostgresError) -> [String] {
        // The lock belongs to the session, so it goes with it, whatever happens.
        try connection.script(
            """
            set lock_timeout = 0; set statement_timeout = 0;
            select pg_advisory_lock(\(Self.lock));
            create table if not exists schema_migrations (
                number integer primary key, name text not null, applied_at timestamptz not null default now())
            """)
        let rows = try connection.execute("select number from schema_migrations")
        let applied = Set((0..<rows.count).compactMap { rows.integer($0, 0) })
        var done: [String] = []
        for migration in migrations where !applied.contains(migration.number) {
            progress(migration)
            // One script is one transaction.
            try connection.script(
                """
                begin;
                \(migration.sql);
                insert into schema_migrations (number, name) values (\(migration.number), '\(migration.name)');
                commit
                """)
            done.append(migration.name)
        }
        try connection.script("select pg_advisory_unlock(\(Self.lock))")
        return done
    }

    /// Any number will do, as long as nobody else in this database uses it.
    private static let lock = 7_265_839_101
}
