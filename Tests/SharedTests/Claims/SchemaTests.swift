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

    /// Other statements of `concurrently` have no place in a transaction, and a second run must not fail on the first.
    @Test func whatRunsConcurrentlyIsNoTransactionAndCanBeRepeated() throws {
        for migration in try Schema.migrator().migrations {
            #expect(migration.isTransaction != migration.sql.contains("concurrently"), "\(migration.name)")
            guard !migration.isTransaction else { continue }
            for statement in migration.statements where statement.hasPrefix("create index") {
                let name = statement.split(separator: " ")[3]
                #expect(migration.statements.first == "drop index concurrently if exists \(name)", "\(migration.name)")
            }
        }
    }

    /// The migrator runs each migration in a transaction.
    @Test func noMigrationEndsItsTransaction() throws {
        for migration in try Schema.migrator().migrations {
            let words = migration.sql.lowercased().split { !$0.isLetter && $0 != "_" }
            #expect(!words.contains("commit") && !words.contains("rollback"), "\(migration.name)")
        }
    }
}
