import Foundation
import Testing

extension IntegrationTests {
    /// Migrations and the constraints of the schema.
    @Suite(.system(workers: 0), .checked)
    struct Migrations {
        @Test func concurrentMigrationsApplyEachFileOnce() async throws {
            // An empty schema as the search path of the role stands for an empty database.
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
