import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// A database that keeps the requests of ClaimAPI waiting.
    @Suite(.system(workers: 1), .checked)
    struct PostgresWaits {
        let system = System.current
        var api: API { system.api }

        /// Each statement waits for a second, and there are four connections: the last request would wait for 50 s.
        @Test func aStalledDatabaseKeepsNoRequestWaitingBeyondItsDeadline() async throws {
            let coupon = try await api.coupon("STALLED", amount: 10)
            let known = try await api.submit("u0", coupon)
            _ = try await api.claim(known.id, wait: 10)
            let holder = try Database.connection()
            try holder.script("begin; lock table coupons in access exclusive mode")
            let start = ContinuousClock.now
            async let waiting = concurrently(Array(0..<200), atMost: 200) { [api] _ in
                try await api.get("/coupons/\(coupon)")
            }
            try await eventually("a request to wait for the table") {
                try Database.number("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") > 0
            }
            let accepted = try await api.submit("u1", coupon)
            #expect(try await api.claim(known.id).status == "claimed", "what Redis knows needs no connection")
            let answers = try await waiting
            let time = ContinuousClock.now - start
            #expect(answers.allSatisfy { $0.status == 503 && $0.code == "store_unavailable" }, "\(answers.prefix(3))")
            #expect(answers.allSatisfy { $0.header("Retry-After") == "1" })
            // The wait for a connection, the longest statement, and what the machine adds.
            #expect(time < .seconds(3 + 2 + 5), "\(time)")
            try holder.script("rollback")
            #expect(try await api.claim(accepted.id, wait: 20).status == "claimed")
            try await system.recover()
        }

        @Test func uploadsOfListsHoldUpNoReader() async throws {
            let coupon = try await api.coupon("UPLOADS", amount: 1)
            let list = (0..<20_000).map { "user-\($0)" }.joined(separator: "\n")
            let holder = try Database.connection()
            try holder.script("begin; lock table eligible_users in share mode")
            async let uploads = concurrently(Array(0..<4)) { [api] _ in
                try await api.send(
                    "PUT", "/coupons/\(coupon)/eligible-users", headers: [("Content-Type", "text/plain")], body: list)
            }
            let waiting = try await eventually("uploads to wait for the table") {
                let names = try Database.rows(
                    "select application_name from pg_stat_activity where wait_event_type = 'Lock'", columns: 1)
                return names.isEmpty ? nil : names.compactMap { $0[0] }
            }
            #expect(waiting.allSatisfy { $0.hasSuffix(" changes") }, "\(waiting)")
            let read = try await concurrently(Array(0..<50)) { [api] _ in try await api.get("/coupons/\(coupon)").status
            }
            #expect(read.allSatisfy { $0 == 200 })
            try holder.script("rollback")
            #expect(try await uploads.allSatisfy { [200, 503].contains($0.status) })
        }

        @Test func anOutageIsLoggedOnceByEachPoolAndSoIsItsEnd() async throws {
            let other = try await system.startAPI("api-quiet", port: Setup.httpPort + 1)
            func log(_ text: String) throws -> Int {
                try String(contentsOfFile: "\(Setup.runFolder)/logs/test-api-quiet", encoding: .utf8)
                    .split(separator: "\n").filter { text.isEmpty || $0.contains(text) }.count
            }
            let before = try log("")
            try await Server.postgres.kill9()
            let start = ContinuousClock.now
            try await eventually("both pools to log the outage") { try log("postgres unavailable") == 2 }
            // Longer than the longest pause between two tries to connect.
            try await eventually("5 s to pass", every: .milliseconds(20)) {
                let status = try await other.get("/coupons").status
                #expect(status == 503)
                return ContinuousClock.now - start > .seconds(5)
            }
            let during = try log("") - before
            #expect(during == 2, "neither a request nor a try to connect writes to the log")
            try await Server.postgres.start()
            try await eventually("both pools to log the end") { try log("postgres available again") == 2 }
            let after = try log("") - before
            #expect(after == 4)
            try await system.recover()
        }
    }
}
