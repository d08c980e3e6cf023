import Claims
import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// Programs and a database that do not suit each other.
    @Suite(.system(workers: 1), .checked)
    struct StoreChecks {
        let system = System.current
        var api: API { system.api }

        @Test(arguments: ["ClaimAPI", "ClaimWorker"])
        func aProgramDoesNotStartOnADatabaseThatIsNotMigrated(program: String) async throws {
            try await withEmptySchema { settings in
                let result = try await Program.run(program, settings: settings, within: .seconds(30))
                #expect(result.code == 1 && result.errors.contains("run claimctl migrate"), "\(result)")
                try expectNoSecret(in: result.text)
            }
        }

        @Test func aMissingMigrationIsNamed() async throws {
            try await withEmptySchema { settings in
                #expect(try await claimctl("migrate", settings: settings).code == 0)
                #expect(try await claimctl("coupon", "list", settings: settings).code == 0)
                let database = try #require(settings["DATABASE_URL"].flatMap(PostgresAddress.init(url:)))
                try PostgresConnection(database, name: "tests").script("delete from schema_migrations where number = 4")
                for arguments in [["coupon", "list"], ["audit"], ["dlq", "discarded"], ["lanes"]] {
                    let result = try await Program.run("claimctl", arguments, settings: settings)
                    #expect(
                        result.code == 1 && result.errors.contains("0004_system_settings"), "\(arguments): \(result)")
                    #expect(result.errors.contains("run claimctl migrate"), "\(arguments): \(result)")
                }
            }
        }

        @Test(arguments: ["ClaimAPI", "ClaimWorker"])
        func aProgramDoesNotStartWithAnotherNumberOfLanes(program: String) async throws {
            let result = try await Program.run(program, settings: ["CLAIMS_LANES": "4"], within: .seconds(30))
            #expect(result.code == 64 && result.errors.contains("CLAIMS_LANES is 4"), "\(result)")
            #expect(result.errors.contains("8 lanes"), "\(result)")
        }

        /// It accepts claims until it knows better.
        @Test func anAPIThatStartsWithoutPostgresEndsWhenItFindsAnotherNumberOfLanes() async throws {
            try await Server.postgres.kill9()
            let other = Setup.httpPort + 1
            let program = try Program(
                "ClaimAPI", name: "api-lanes",
                settings: ["CLAIMS_LANES": "7", "CLAIMS_HTTP_PORT": String(other)])
            defer { program.signal(SIGKILL) }
            try await eventually("the API to accept claims", within: .seconds(30)) {
                try await API(port: other, ledger: API.Ledger()).get("/readyz").status == 200
            }
            try await Server.postgres.start()
            #expect(try await program.end(within: .seconds(30)) != 0)
            let log = try String(contentsOfFile: "\(Setup.runFolder)/logs/test-api-lanes", encoding: .utf8)
            #expect(log.contains("CLAIMS_LANES is 7"), "\(log)")
            try await system.recover()
        }

        @Test func aWorkerThatStartsWithoutPostgresEndsWhenItFindsAnotherNumberOfLanes() async throws {
            try await Server.postgres.kill9()
            let program = try Program("ClaimWorker", name: "worker-lanes", settings: ["CLAIMS_LANES": "7"])
            defer { program.signal(SIGKILL) }
            func log() throws -> String {
                try String(contentsOfFile: "\(Setup.runFolder)/logs/test-worker-lanes", encoding: .utf8)
            }
            try await eventually("the worker to wait for the store", within: .seconds(30)) {
                try log().contains("store unavailable")
            }
            try await Server.postgres.start()
            #expect(try await program.end(within: .seconds(30)) != 0)
            let text = try log()
            #expect(text.contains("CLAIMS_LANES is 7, but the system has 8 lanes"), "\(text)")
            try await system.recover()
        }

        @Test func anAPIEndsWhenTheNumberOfLanesHasChanged() async throws {
            _ = try await system.startAPI("api-changed", port: Setup.httpPort + 1)
            await system.end { $0.name != "api-changed" }
            try Database.script("update system_settings set value = 9 where name = 'lanes'")
            defer { try? Database.script("update system_settings set value = 8 where name = 'lanes'") }
            let code = try await system.program("api-changed").end(within: .seconds(30))
            #expect(code != 0)
        }

        @Test func changesOfCouponsUseConnectionsOfTheirOwn() async throws {
            let coupon = try await api.coupon("LONG_LIST", amount: 1)
            let blocker = try Database.connection()
            try blocker.script("begin; select from coupons where name = '\(coupon)' for update")
            async let answers = concurrently(Array(0..<8)) { [api] _ in
                try await api.send(
                    "PATCH", "/coupons/\(coupon)", headers: [("Content-Type", "application/json")],
                    body: "{\"amount\": 2}")
            }
            let waiting = try await eventually("a change to wait for the row") {
                let names = try Database.rows(
                    "select application_name from pg_stat_activity where wait_event_type = 'Lock'", columns: 1)
                return names.isEmpty ? nil : names.compactMap { $0[0] }
            }
            #expect(waiting.allSatisfy { $0.hasSuffix(" changes") }, "\(waiting)")
            #expect(try await api.get("/coupons/\(coupon)").status == 200, "readers go on")
            try blocker.script("rollback")
            #expect(try await answers.allSatisfy { [200, 503].contains($0.status) })
        }

        /// Calls `body` with settings for an empty schema in the same database.
        private func withEmptySchema(_ body: ([String: String]) async throws -> Void) async throws {
            let schema = "empty_\(UInt32.random(in: 0 ... .max))"
            try Database.script("create schema \(schema)")
            defer { try? Database.script("drop schema \(schema) cascade") }
            let url = try #require(Setup.environment(with: [:])["DATABASE_URL"])
            try await body(["DATABASE_URL": "\(url)?options=-csearch_path%3D\(schema)"])
        }
    }
}
