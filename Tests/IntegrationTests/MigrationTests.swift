import Claims
import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// Migrations and the constraints of the schema.
    @Suite(.system(workers: 0), .checked)
    struct Migrations {
        @Test func concurrentMigrationsApplyEachFileOnce() async throws {
            // An empty schema as the search path of the role acts as an empty database.
            let schema = "empty_\(UInt32.random(in: 0 ... .max))"
            await System.current.end()
            try Database.script("create schema \(schema); alter role current_user set search_path = \(schema)")
            defer { try? Database.script("alter role current_user reset search_path; drop schema \(schema) cascade") }
            let results = try await concurrently(Array(0..<6)) { _ in try await claimctl("migrate", "--json") }
            #expect(results.allSatisfy { $0.code == 0 }, "\(results.map(\.text))")
            let applied = try results.flatMap { result in
                try JSONDecoder().decode([String: [String]].self, from: Data(result.output.utf8))["applied"] ?? []
            }
            let files = try FileManager.default
                .contentsOfDirectory(atPath: "\(Setup.deploy)/../Sources/Shared/Claims/Schema/Migrations")
                .map { String($0.dropLast(".sql".count)) }.sorted()
            #expect(applied == files, "each file once, in order")
            let tables = try Database.rows(
                "select table_name from information_schema.tables where table_schema = '\(schema)' order by 1",
                columns: 1)
            #expect(Set(tables.compactMap { $0[0] }).isSuperset(of: ["claims", "coupons", "user_claims"]))
            let again = try await claimctl("migrate")
            #expect(again.code == 0 && again.output.contains("up to date"))
        }

        @Test func aMigrationThatWaitsForALongReaderBlocksNoOne() throws {
            let table = "long_read_\(UInt32.random(in: 0 ... .max))"
            let folder = FileManager.default.temporaryDirectory.appending(path: table)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            let numbers = try Database.number("select max(number) from schema_migrations")
            try Database.script("create table \(table) ()")
            defer {
                try? Database.script(
                    "drop table if exists \(table); delete from schema_migrations where number > \(numbers)")
                try? FileManager.default.removeItem(at: folder)
            }
            try Data("alter table \(table) add column a integer".utf8)
                .write(to: folder.appending(path: "\(numbers + 1)_alter.sql"))
            let reader = try PostgresConnection(try Setup.stores().database, name: "the reader")
            try reader.script("begin; select from \(table)")
            var waits: [String] = []
            let applied = try Migrator(folder: folder).migrate(on: try Database.connection()) { progress in
                guard case .waitingForLock(let migration, let longest, _) = progress else { return }
                waits.append("\(migration.name): \(longest ?? "")")
                // Nothing waits in front of other readers between two tries.
                #expect(throws: Never.self) { try Database.number("select count(*) from \(table)") }
                if waits.count == 2 { #expect(throws: Never.self) { try reader.script("commit") } }
            }
            #expect(applied == ["\(numbers + 1)_alter"])
            #expect(waits.count == 2, "\(waits)")
            #expect(waits.allSatisfy { $0.hasPrefix("\(numbers + 1)_alter: the reader, process ") }, "\(waits)")
        }

        /// All statements on the table wait behind the one that waits for its lock.
        @Test func aMigrationThatWaitsForALockHoldsUpOthersOnlyBriefly() async throws {
            let table = "queue_\(UInt32.random(in: 0 ... .max))"
            let folder = FileManager.default.temporaryDirectory.appending(path: table)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            let numbers = try Database.number("select max(number) from schema_migrations")
            try Database.script("create table \(table) ()")
            defer {
                try? Database.script(
                    "drop table if exists \(table); delete from schema_migrations where number > \(numbers)")
                try? FileManager.default.removeItem(at: folder)
            }
            try Data("alter table \(table) add column a integer".utf8)
                .write(to: folder.appending(path: "\(numbers + 1)_alter.sql"))
            let holder = try Database.connection()
            try holder.script("begin; select from \(table)")
            async let migrated = migrate(folder)
            try await eventually("the migration to wait for the lock", every: .milliseconds(5)) {
                try Database.number(
                    "select count(*) from pg_locks where not granted and relation = '\(table)'::regclass") > 0
            }
            // The programs wait for a lock for 500 ms at least, and the machine may be slow.
            let other = try Database.connection()
            try other.script("set lock_timeout = 2000")
            let start = ContinuousClock.now
            try await eventually("3 s to pass") {
                #expect(throws: Never.self) { try other.execute("select count(*) from \(table)") }
                return ContinuousClock.now - start > .seconds(3)
            }
            try holder.script("commit")
            #expect(try await migrated == ["\(numbers + 1)_alter"])
        }

        private func migrate(_ folder: URL) async throws -> [String] {
            try Migrator(folder: folder).migrate(on: try Database.connection())
        }

        @Test func theIndexOfAnInterruptedMigrationIsBuiltAgain() async throws {
            let schema = "interrupted_\(UInt32.random(in: 0 ... .max))"
            let url = try #require(Setup.environment(with: [:])["DATABASE_URL"])
            let settings = ["DATABASE_URL": "\(url)?options=-csearch_path%3D\(schema)"]
            try Database.script("create schema \(schema)")
            defer { try? Database.script("drop schema \(schema) cascade") }
            #expect(try await claimctl("migrate", settings: settings).code == 0)
            let index = "\(schema).claims_of_a_coupon_by_status"
            // As an interrupted run leaves it: another index of the name, and no record.
            try Database.script(
                "drop index \(index); create index claims_of_a_coupon_by_status on \(schema).claims (reason); "
                    + "delete from \(schema).schema_migrations where number = 5")
            let again = try await claimctl("migrate", "--json", settings: settings)
            #expect(again.code == 0 && again.output.contains("0005_claims_by_status"), "\(again)")
            let definition = try Database.rows("select pg_get_indexdef('\(index)'::regclass)", columns: 1)[0][0]
            #expect(definition?.contains("(coupon_name, status, number)") == true, "\(definition ?? "")")
        }

        @Test func theSchemaRefusesWhatTheContractForbids() async throws {
            let coupon = try await System.current.api.coupon("RULES", amount: 1)
            for (statement, why) in [
                ("update coupons set remaining_amount = -1 where name = '\(coupon)'", "oversold"),
                ("update coupons set remaining_amount = 2 where name = '\(coupon)'", "more than the amount"),
                ("update coupons set name = 'lower' where name = '\(coupon)'", "not normalised"),
                ("insert into coupons (name, amount, remaining_amount) values ('\(coupon)', 1, 1)", "duplicate name"),
                (
                    "insert into claims (id, status, user_id, coupon_name, attempts, created_at, decided_at) "
                        + "values ('x', 'pending', 'u', 'C', 1, now(), now())", "a pending row"
                ),
                (
                    "insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at) "
                        + "values ('x', 'rejected', 'unknown', 'u', 'C', 1, now(), now())", "unknown reason"
                ),
            ] {
                #expect(throws: (any Error).self, "\(why)") { try Database.script(statement) }
            }
        }
    }
}
