import Postgres
import Testing

/// The migrations that are built into the programs.
@Suite struct MigratorTests {
    @Test func migrationsAreNumberedFromOneWithoutAGap() throws {
        let numbers = try Migrator().migrations.map(\.number)
        #expect(!numbers.isEmpty)
        #expect(numbers == Array(1..<numbers.count + 1))
    }

    /// Each runs in a transaction of the migrator's own.
    @Test func noMigrationEndsItsTransaction() throws {
        for migration in try Migrator().migrations {
            let words = migration.sql.lowercased().split { !$0.isLetter && $0 != "_" }
            #expect(!words.contains("commit") && !words.contains("rollback"), "\(migration.name)")
        }
    }
}
