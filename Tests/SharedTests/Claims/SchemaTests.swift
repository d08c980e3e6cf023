import Claims
import Postgres
import Testing

/// The migrations that are built into the programs.
@Suite struct SchemaTests {
    @Test func migrationsAreNumberedFromOneWithoutAGap() throws {
        let numbers = try Schema.migrator().migrations.map(\.number)
        #expect(!numbers.isEmpty)
        #expect(numbers == Array(1..<numbers.count + 1))
    }

    /// The migrator runs each migration in a transaction.
    @Test func noMigrationEndsItsTransaction() throws {
        for migration in try Schema.migrator().migrations {
            let words = migration.sql.lowercased().split { !$0.isLetter && $0 != "_" }
            #expect(!words.contains("commit") && !words.contains("rollback"), "\(migration.name)")
        }
    }
}
