import Broker
import Claims
import Foundation
import OrderedCollections
import Postgres
import Redis
import Testing

extension IntegrationTests {
    /// Stores that answer and cannot decide claims: locked tables, refused writes, unreadable pages. No claim loses an
    /// attempt, and the log tells it once.
    @Suite(.system(workers: 2, ["CLAIMS_RETRY_DELAYS_MS": "100,200,300"]), .checked)
    struct StoreFaults {
        let system = System.current
        var api: API { system.api }

        // MARK: The whole store

        @Test func aLockedTableCostsNoAttempt() async throws {
            try await expectNoAttemptLost {
                let holder = try Database.connection()
                try holder.script("begin; lock table coupons in access exclusive mode")
                return { try holder.script("rollback") }
            }
        }

        @Test func refusedWritesCostNoAttempt() async throws {
            try await expectNoAttemptLost {
                try FailureInjection.refuseRows(of: "claims", when: "true", sqlState: "53100")
                return {
                    // Each of the up to 8 lanes in use backs off to 2 s. With the first pause it would try 60 times.
                    let tries = try Database.number("select calls from refusals")
                    #expect(tries < 120, "\(tries) tries")
                    try FailureInjection.stop()
                }
            }
        }

        @Test func refusedWritesOfHeldCouponsCostNoAttempt() async throws {
            try await expectNoAttemptLost {
                try FailureInjection.refuseRows(of: "user_claims", when: "true", sqlState: "53100")
                return { try FailureInjection.stop() }
            }
        }

        @Test func aReadOnlyDatabaseCostsNoAttempt() async throws {
            try await expectNoAttemptLost { try refuseWrites() }
        }

        @Test func aFullRedisCostsNoAttempt() async throws {
            try await expectNoAttemptLost { try fillRedis() }
        }

        /// `DATABASE_URL` with a primary and a replica: the programs use the one that takes writes, and wait if none does.
        @Test func programsWaitForTheServerThatTakesWrites() async throws {
            let url = try #require(Setup.environment(with: [:])["DATABASE_URL"])
            let both = url.replacing("@", with: "@127.0.0.1:1,") + "?target_session_attrs=read-write"
            await system.end { $0.name.hasPrefix("worker") }
            let worker = try await system.startWorker("two-hosts", ["DATABASE_URL": both])
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["DATABASE_URL": both])
            let coupon = try await other.coupon("TWO_HOSTS", amount: 2)
            #expect(try await other.claim(try await other.submit("u1", coupon).id, wait: 20).outcome == "claimed")
            #expect(try await claimctl("audit", settings: ["DATABASE_URL": both]).code == 0)

            let end = try refuseWrites()
            let id: String
            do {
                try Database.endSessions(of: "ClaimAPI \(other.port)%")
                id = try await other.submit("u2", coupon).id
                try await eventually("the worker to wait") {
                    try String(contentsOfFile: "\(Setup.runFolder)/logs/test-\(worker.name)", encoding: .utf8)
                        .contains("store unavailable")
                }
                #expect(try await other.claim(id).status == "pending")
                try await eventually("the API to have no primary") { try await other.get("/coupons").status == 503 }
                #expect(try await other.get("/readyz").status == 200)
            } catch {
                try? end()
                throw error
            }
            try end()
            let claim = try await other.claim(id, wait: 30)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
        }

        // MARK: One claim

        @Test func anUnreadablePageIsolatesItsClaim() async throws {
            let coupon = try await api.coupon("PAGE", amount: 300)
            try FailureInjection.refuseRows(of: "user_claims", when: "new.user_id = 'unlucky'", sqlState: "XX001")
            defer { try? FailureInjection.stop() }
            let users = (0..<60).map { $0 == 7 ? "unlucky" : "u\($0)" }
            let claims = try await api.outcomes(users.map { API.Order(user: $0, coupon: coupon) })
            #expect(claims.tally == ["claimed": 59, "dead_lettered database_error": 1])
        }

        // MARK: Deliveries

        /// A store that can be read and takes no writes.
        enum Refusal: CaseIterable {
            case fullRedis, readOnlyDatabase
        }

        @Test(arguments: Refusal.allCases)
        func aWorkerThatStartsWithoutWritesTakesNoMessage(refusal: Refusal) async throws {
            await system.end { $0.name.hasPrefix("worker") }
            let coupon = try await api.coupon("NO_WRITES", amount: 10)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            let end =
                switch refusal {
                case .fullRedis: try fillRedis()
                case .readOnlyDatabase: try refuseWrites()
                }
            do {
                let worker = try Program("ClaimWorker", name: "no-writes-\(refusal)")
                defer { worker.signal(SIGKILL) }
                try await eventually("the worker to notice") {
                    try String(contentsOfFile: "\(Setup.runFolder)/logs/test-\(worker.name)", encoding: .utf8)
                        .contains("store unavailable")
                }
                let start = ContinuousClock.now
                try await eventually("2 s to pass") {
                    let depth = try RabbitMQ.connection().depth(of: "claims.work.\(lane)", channel: 1)
                    #expect(depth?.messages == 1 && depth?.consumers == 0)
                    return ContinuousClock.now - start > .seconds(2)
                }
            } catch {
                try? end()
                throw error
            }
            try end()
            try await system.startWorker("worker-1")
            try await system.recover()
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
        }

        @Test func workersThatAreKilledAgainAndAgainDuringAnOutageCostNoDelivery() async throws {
            let coupon = try await api.coupon("RESTARTS", amount: 50)
            try await Server.postgres.kill9()
            let ids = try await (0..<20).asyncMap { try await api.submit("u\($0)", coupon).id }
            for name in ["worker-1", "worker-2"] {
                try system.program(name).signal(SIGKILL)
                try await system.program(name).end(within: .seconds(5))
            }
            for number in 1...23 {
                let worker = try await system.startWorker("restarted-\(number)", subscribed: false)
                try await eventually("the worker to notice the outage") {
                    try String(contentsOfFile: "\(Setup.runFolder)/logs/test-\(worker.name)", encoding: .utf8)
                        .contains("store unavailable")
                }
                worker.signal(SIGKILL)
                try await worker.end(within: .seconds(5))
            }
            try await Server.postgres.start()
            try await system.startWorker("survivor")
            try await system.recover()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 20])
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        /// A lane without messages must not take those that another worker returns, since it would return them again.
        @Test func aLongOutageReturnsEachMessageOnce() async throws {
            await system.end { $0.name.hasPrefix("worker") }
            // An idle worker learns of the outage from its probe, every 5 s, and leaves after half the patience. The other
            // one returns its messages after the whole patience, so that must be later.
            let workers = try await ["one", "two"].asyncMap {
                try await system.startWorker($0, ["CLAIMS_OUTAGE_PATIENCE_MS": "16000"])
            }
            // The first one returns the messages of the lanes that it leaves to the second one.
            try await eventually("each worker to have half of the lanes") {
                let since = try workers.compactMap { try System.status(of: $0)?.subscribedSince }
                guard since.count == 2 else { return false }
                let firsts = (0..<Setup.lanes).filter { (since[0][$0] ?? .max) < (since[1][$0] ?? .max) }
                return firsts.count == Setup.lanes / 2
            }
            let coupon = try await api.coupon("RETURNED", amount: 20)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            try await Server.postgres.kill9()
            let ids = try await (0..<10).asyncMap { try await api.submit("u\($0)", coupon).id }
            try await eventually("the messages to be returned and all workers to leave", within: .seconds(60)) {
                let depth = try RabbitMQ.connection().depth(of: "claims.work.\(lane)", channel: 1)
                return depth?.messages == 10 && depth?.consumers == 0
            }
            let connection = try RabbitMQ.connection()
            try connection.consume("claims.work.\(lane)", prefetch: 10, channel: 1)
            for _ in ids {
                guard case .delivered(let delivery, _) = try connection.nextEvent(atMost: .seconds(5)) else {
                    throw TestFailure(description: "a message is missing")
                }
                let returns = delivery.message.properties.headers["x-delivery-count"]?.integer
                #expect(returns == 1, "\(returns ?? 0) returns")
            }
            connection.close()
            try await Server.postgres.start()
            try await system.recover()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 10])
        }

        @Test func anOutageAddsNoStrikesToASuspiciousMessage() async throws {
            for name in ["worker-1", "worker-2"] {
                try system.program(name).signal(SIGTERM)
                try await system.program(name).end(within: .seconds(12))
            }
            let coupon = try await api.coupon("INNOCENT", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            for _ in 1...8 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                _ = try connection.nextEvent(atMost: .seconds(5))
            }
            try FailureInjection.refuseRows(of: "claims", when: "new.user_id = 'u1'", sqlState: "53100")
            defer { try? FailureInjection.stop() }
            let worker = try await system.startWorker("patient")
            let tries = "select coalesce(sum(calls), 0) from refusals"
            try await eventually("six tries", within: .seconds(20)) { try Database.number(tries) >= 6 }
            #expect(worker.isRunning)
            try FailureInjection.stop()
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
        }

        @Test func aLockIsReleasedWhenAnOutageInterruptsItsBatch() async throws {
            let coupon = try await api.coupon("INTERRUPTED", amount: 5)
            try FailureInjection.refuseRows(of: "claims", when: "true", sqlState: "53100")
            defer { try? FailureInjection.stop() }
            let id = try await api.submit("u1", coupon).id
            let tries = "select coalesce(sum(calls), 0) from refusals"
            try await eventually("a try") { try Database.number(tries) >= 1 }
            try await eventually("the lock to be released", within: .seconds(10), every: .milliseconds(5)) {
                try Cache.locks()[coupon] == nil
            }
            try FailureInjection.stop()
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
        }

        // MARK: Helpers

        /// Makes the database read-only for the workers. Returns what ends it.
        private func refuseWrites() throws -> () throws -> Void {
            let url = try #require(Setup.environment(with: [:])["DATABASE_URL"])
            let database = try #require(URL(string: url)?.lastPathComponent)
            try Database.script("alter database \(database) set default_transaction_read_only = on")
            try Database.endSessions(of: "ClaimWorker%")
            return {
                let connection = try Database.connection()
                try connection.script("set default_transaction_read_only = off")
                try connection.script("alter database \(database) reset default_transaction_read_only")
                try Database.endSessions(of: "ClaimWorker%")
            }
        }

        /// Makes Redis refuse writes. Returns what ends it.
        private func fillRedis() throws -> () throws -> Void {
            let limits = try ["maxmemory", "maxmemory-policy"].map { name in
                (name, try #require(try Cache.send("CONFIG", "GET", name).array?.last?.string))
            }
            try Cache.send("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try Cache.send("CONFIG", "SET", "maxmemory", "1")
            return { for (name, value) in limits { try Cache.send("CONFIG", "SET", name, value) } }
        }

        /// Sends claims of many coupons before, during and after a fault.
        ///
        /// - Parameter begin: causes the fault and returns what ends it.
        private func expectNoAttemptLost(
            _ begin: () throws -> () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let coupons = try await (0..<10).asyncMap { try await api.coupon("FAULT_\($0)", amount: 100) }
            let logs = ["worker-1", "worker-2"].map { "\(Setup.runFolder)/logs/test-\($0)" }
            let linesBefore = try logs.map(lines).reduce(0, +)
            let end = try begin()
            var ids: [String] = []
            do {
                for user in 0..<100 { ids.append(try await api.submit("u\(user)", coupons[user % 10]).id) }
                try await eventually("a worker to report the outage") {
                    try logs.contains { try String(contentsOfFile: $0, encoding: .utf8).contains("store unavailable") }
                }
                // Longer than all retries of a claim would take.
                let start = ContinuousClock.now
                try await eventually("3 s to pass", within: .seconds(10)) { ContinuousClock.now - start > .seconds(3) }
            } catch {
                try? end()
                throw error
            }
            try end()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 100], sourceLocation: sourceLocation)
            #expect(claims.allSatisfy { $0.attempts == 1 }, sourceLocation: sourceLocation)
            let new = try logs.map(lines).reduce(0, +) - linesBefore
            #expect(new <= 12, "\(new) log lines", sourceLocation: sourceLocation)
        }

        private func lines(_ path: String) throws -> Int {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").count
        }
    }
}
