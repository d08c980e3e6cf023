internal import Foundation
package import Postgres

/// The tables of claims and coupons.
package enum Schema {
    /// Returns the migrations that are built into the programs.
    ///
    /// - Throws: an error of Foundation if their files are missing.
    package static func migrator() throws -> Migrator {
        try Migrator(folder: Bundle.module.resourceURL?.appending(path: "Migrations") ?? Bundle.module.bundleURL)
    }

    /// The built-in migrations; empty if their files are missing.
    private static let migrations = (try? migrator().migrations) ?? []

    /// Checks that all built-in migrations are applied. Later ones, of a newer version of the programs, do no harm.
    ///
    /// - Throws: ``PostgresError`` with ``PostgresError/Mismatch/server`` if one is missing.
    package static func check(_ connection: PostgresConnection) throws(PostgresError) {
        let applied: Set<Int>
        do throws(PostgresError) {
            applied = try Migrator.applied(on: connection)
        } catch  where error.sqlState == "42P01" {
            throw PostgresError(.server, "the database has no schema; run claimctl migrate")
        }
        if let missing = migrations.first(where: { !applied.contains($0.number) }) {
            throw PostgresError(
                .server, "the database schema is too old: \(missing.name) is not applied; run claimctl migrate")
        }
    }
}
