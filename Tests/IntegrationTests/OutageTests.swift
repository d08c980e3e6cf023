import Claims
import Foundation
import Postgres
import Redis
import RuntimeSupport
import Synchronization
import Testing

extension IntegrationTests {
    /// Outages of the servers: no claim is lost, no attempt is counted, and the system recovers by itself.
    @Suite(.system(workers: 2, ["CLAIMS_HEARTBEAT_SECONDS": "2"]), .checked)
    struct Outages {
        let system = System.current
        var api: API { system.api }

        @Test func aWipeOfRedisCostsNoAttempt() async throws {
            try await underLoad { load in
                for _ in 0..<10 {
                    try Cache.send("FLUSHALL")
                    try await load.makesProgress()
                }
            }
        }

        @Test func aCrashOfRedisCostsNoAttempt() async throws {
            try await underLoad { load in
                try await Server.redis.kill9()
                try await load.makesProgress()
                try await Server.redis.start()
            }
        }

        @Test func aCrashOfPostgresCostsNoAttempt() async throws {
            try await underLoad { load in
                try await Server.postgres.kill9()
                try await load.makesProgress()
                try await Server.postgres.start()
            }
        }

        @Test func aCrashOfRabbitMQLosesNothing() async throws {
            try await underLoad(areAttemptsKept: false) { _ in
                try await Server.rabbitmq.kill9()
                try await Server.rabbitmq.start()
            }
        }

        @Test func withoutPostgresClaimsAreAcceptedAndReadFromRedis() async throws {
            let coupon = try await api.coupon("NO_POSTGRES", amount: 2)
            let before = try await api.submit("u1", coupon)
            _ = try await api.claim(before.id, wait: 10)
            try await Server.postgres.kill9()
            // The backend processes notice the end of the postmaster one by one.
            try await eventually("PostgreSQL to be unavailable") { try await api.get("/coupons").status == 503 }
            let meanwhile = try await api.submit("u2", coupon)
            #expect(try await api.claim(before.id).status == "claimed", "read from Redis")
            let pending = try await api.claim(meanwhile.id)
            #expect(pending.status == "pending" && pending.userId == "u2")
            #expect(try await api.get("/readyz").status == 200, "claims are accepted")
            let page = try await api.get("/coupons")
            #expect(page.status == 503 && page.code == "store_unavailable", "\(page)")
            try Cache.send("DEL", RedisKeys.claim(try #require(ClaimID(before.id))))
            let unknown = try await api.get("/claims/\(before.id)")
            #expect(unknown.status == 503 && unknown.code == "store_unavailable", "\(unknown)")
            #expect(unknown.header("Retry-After") != nil)
            try await Server.postgres.start()
            try await system.recover()
            let decided = try await api.claim(meanwhile.id, wait: 30)
            #expect(decided.status == "claimed" && decided.attempts == 1)
            #expect(try await api.claim(before.id, wait: 5).status == "claimed")
        }

        @Test func withoutRedisClaimsAreAcceptedAndReadFromPostgres() async throws {
            let coupon = try await api.coupon("NO_REDIS", amount: 2)
            let before = try await api.submit("u1", coupon)
            _ = try await api.claim(before.id, wait: 10)
            try await Server.redis.kill9()
            #expect(try await api.claim(before.id).status == "claimed")
            let meanwhile = try await api.submit("u2", coupon, key: "known-\(coupon)")
            let pending = try await api.claim(meanwhile.id)
            #expect(pending.status == "pending", "the id proves that the claim was issued")
            // The same lane, because only there the order is defined.
            let other = try await api.coupon(inTheLaneOf: coupon)
            let reused = try await api.submit("u2", other, key: "known-\(coupon)")
            #expect(reused.id == meanwhile.id, "the id belongs to the first request")
            try await Server.redis.start()
            let decided = try await api.claim(meanwhile.id, wait: 30)
            #expect(decided.status == "claimed" && decided.attempts == 1 && decided.couponName == coupon)
            #expect(try await api.coupon(other).remainingAmount == 100, "the second request has no effect")
        }

        @Test func afterAWipeOfRedisEveryClaimIsStillKnown() async throws {
            let coupon = try await api.coupon("WIPED", amount: 2)
            let decided = try await api.submit("u1", coupon, key: "decided-\(coupon)")
            _ = try await api.claim(decided.id, wait: 10)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            let pending = try await api.submit("u2", coupon)
            try Cache.send("FLUSHALL")
            #expect(try await api.claim(decided.id).status == "claimed")
            let shown = try await api.claim(pending.id)
            #expect(shown.status == "pending")
            let again = try await api.submit("u1", coupon, key: "decided-\(coupon)")
            #expect(again.id == decided.id, "the same key gives the same claim, also after a wipe")
            workers.forEach { $0.thaw() }
            #expect(try await api.claim(pending.id, wait: 20).status == "claimed")
            let holders = try await api.coupon(coupon).claimedBy
            #expect(holders == ["u1", "u2"])
        }

        @Test func aKeyReusedAfterAWipeOfRedisRefersToTheFirstRequest() async throws {
            let coupon = try await api.coupon("FIRST", amount: 2)
            let other = try await api.coupon(inTheLaneOf: coupon)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            let first = try await api.submit("u1", coupon, key: "twice-\(coupon)")
            try Cache.send("FLUSHALL")
            let second = try await api.submit("u1", other, key: "twice-\(coupon)")
            #expect(first.id == second.id)
            // Both are decided in one batch.
            workers.forEach { $0.thaw() }
            let claim = try await api.claim(first.id, wait: 20)
            #expect(claim.status == "claimed" && claim.couponName == coupon, "\(claim)")
            #expect(try await api.coupon(other).remainingAmount == 100)
        }

        @Test func withoutTheBrokerEveryClaimIsRefusedInTime() async throws {
            let coupon = try await api.coupon("NO_BROKER", amount: 2)
            try await Server.rabbitmq.kill9()
            let order = API.Order(user: "u1", coupon: coupon)
            try await expectBrokerUnavailable(order)
            let ready = try await eventually("not ready", within: .seconds(10)) {
                let answer = try await api.get("/readyz")
                return answer.status == 503 ? answer : nil
            }
            #expect(ready.code != nil && ready.text.lowercased().contains("rabbitmq"), "the detail names the broker")
            try await Server.rabbitmq.start()
            try await expectAcceptedAgain(order)
        }

        @Test func aMemoryAlarmBlocksPublishersButNoRequest() async throws {
            let coupon = try await api.coupon("ALARM", amount: 2)
            _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0")
            let order = API.Order(user: "u1", coupon: coupon)
            do {
                // A claim that was sent before the alarm may still be accepted.
                try await eventually("the alarm to take effect", within: .seconds(20)) {
                    try await api.post(API.Order(user: "u0", coupon: coupon)).status == 503
                }
                try await expectBrokerUnavailable(order)
                let ready = try await api.get("/readyz")
                #expect(ready.status == 503, "\(ready)")
            } catch {
                _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
                throw error
            }
            _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
            try await expectAcceptedAgain(order)
        }

        @Test func theTimeOfARefusedAttemptDoesNotCount() async throws {
            let coupon = "LATER_\(UInt32.random(in: 0 ... .max))"
            let order = API.Order(user: "u1", coupon: coupon)
            _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0")
            do {
                // A claim that was sent before the alarm may still be accepted.
                try await eventually("the alarm to take effect", within: .seconds(20)) {
                    try await api.post(API.Order(user: "u0", coupon: coupon)).status == 503
                }
                try await expectBrokerUnavailable(order)
                let key = RedisKeys.claim(try id(of: order))
                try await eventually("the refused attempt to be forgotten") {
                    try Cache.send("EXISTS", key).integer == 0
                }
            } catch {
                _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
                throw error
            }
            _ = try await rabbitmqctl("set_vm_memory_high_watermark", "0.4")
            // The coupon starts between the two attempts.
            let start = Timestamp.now()
            let made = try await api.post(
                "/coupons", json: #"{"name":"\#(coupon)","amount":1,"starts_at":"\#(start)"}"#)
            try #require(made.status == 201, "\(made)")
            // It would be rejected as not_started.
            try await expectAcceptedAgain(order)
        }

        @Test(arguments: [(3600, false), (0, true)])
        func aRequestThatWasNotedLongAgoAndNeverConfirmedIsNew(secondsAgo: Int64, isKept: Bool) async throws {
            let coupon = try await api.coupon("NOTED", amount: 10)
            let order = API.Order(user: "u1", coupon: coupon)
            let id = try id(of: order)
            let noted = Timestamp(milliseconds: Timestamp.now().milliseconds - secondsAgo * 1000)
            let redis = try RedisConnection(try Setup.stores().redis, timeout: .seconds(5))
            _ = try redis.send(
                ClaimCache.note(
                    ClaimMessage(
                        id: id, userID: try #require(UserID(order.user)), couponName: try #require(CouponName(coupon)),
                        createdAt: noted)))
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            let claim = try await api.submit(order.user, coupon, key: order.key)
            #expect(claim.id == id.description)
            #expect((claim.createdAt == noted.description) == isKept, "\(claim)")
            #expect(try await api.claim(claim.id).createdAt == claim.createdAt, "as Redis knows it")
            workers.forEach { $0.thaw() }
            #expect(try await api.claim(claim.id, wait: 20).createdAt == claim.createdAt)
        }

        @Test func aFrozenBrokerBlocksNoRequest() async throws {
            let coupon = try await api.coupon("FROZEN", amount: 20)
            try Server.rabbitmq.signal(SIGSTOP)
            let orders = (0..<10).map { API.Order(user: "u\($0)", coupon: coupon) }
            let start = ContinuousClock.now
            _ = try await concurrently(orders) { try await expectBrokerUnavailable($0) }
            #expect(ContinuousClock.now - start < .seconds(7))
            try await eventually("8 s to pass", within: .seconds(10)) { ContinuousClock.now - start > .seconds(8) }
            try Server.rabbitmq.signal(SIGCONT)
            for order in orders { try await expectAcceptedAgain(order) }
        }

        @Test func aFrozenRedisBlocksNoRequestAndCostsNoAttempt() async throws {
            let coupon = try await api.coupon("FROZEN_REDIS", amount: 20)
            let before = try await api.submit("u0", coupon)
            _ = try await api.claim(before.id, wait: 10)
            try Server.redis.signal(SIGSTOP)
            let start = ContinuousClock.now
            let ids = try await concurrently(Array(1...10)) { try await api.submit("u\($0)", coupon).id }
            #expect(ContinuousClock.now - start < .seconds(6), "\(ContinuousClock.now - start)")
            #expect(try await api.claim(before.id).status == "claimed")
            try Server.redis.signal(SIGCONT)
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 10])
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        @Test func anOutageLongerThanTheWorkersPatienceCostsNoAttempt() async throws {
            for name in ["worker-1", "worker-2"] { try system.program(name).signal(SIGTERM) }
            try await system.startWorker("impatient", ["CLAIMS_OUTAGE_PATIENCE_MS": "1000"])
            let coupon = try await api.coupon("PATIENCE", amount: 50)
            try await Server.postgres.kill9()
            let ids = try await (0..<50).asyncMap { try await api.submit("u\($0)", coupon).id }
            let log = "\(Setup.runFolder)/logs/test-impatient"
            try await eventually("the worker to return its messages") {
                try String(contentsOfFile: log, encoding: .utf8).contains("returned its messages to the queue")
            }
            try await Server.postgres.start()
            try await system.recover()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 50])
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        @Test func anUnreachableBrokerOfAClusterIsSkipped() async throws {
            let real = try #require(Setup.environment(with: [:])["AMQP_URL"])
            let several = ["AMQP_URL": "amqp://u:p@127.0.0.1:1/claims,\(real)"]
            for name in ["worker-1", "worker-2"] { try system.program(name).signal(SIGTERM) }
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1, several)
            try await system.startWorker("cluster", several)
            let coupon = try await api.coupon("SEVERAL", amount: 50)
            let claims = try await other.outcomes((0..<50).map { API.Order(user: "u\($0)", coupon: coupon) })
            #expect(claims.tally == ["claimed": 50])
            #expect(try await claimctl("status", settings: several).code == 0)
        }

        @Test func withAFullPublishQueueRequestsAreRefusedAtOnce() async throws {
            let limited = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["CLAIMS_PUBLISH_QUEUE": "1"])
            let coupon = try await api.coupon("NARROW", amount: 500)
            let orders = (0..<200).map { API.Order(user: "u\($0)", coupon: coupon) }
            let answers = try await concurrently(orders, atMost: 200) { try await limited.post($0) }
            let refused = answers.filter { $0.status != 202 }
            #expect(refused.allSatisfy { $0.status == 503 && $0.code == "broker_unavailable" })
            #expect(!refused.isEmpty, "two hundred requests exceed the queue")
            let again = try await concurrently(orders) { try await api.post($0).status }
            #expect(again.allSatisfy { $0 == 202 }, "the same keys are accepted")
            try await eventually("all to be decided") { try await api.coupon(coupon).remainingAmount == 300 }
        }

        // MARK: Helpers

        /// Sends claims continuously while `disturb` runs, and checks that all accepted ones are decided.
        private func underLoad(
            areAttemptsKept: Bool = true, _ disturb: (Load) async throws -> Void
        ) async throws {
            let coupons = try await (0..<10).asyncMap { try await api.coupon("LOAD_\($0)", amount: 50) }
            let load = Load(api, coupons)
            async let sent: Void = load.run()
            do {
                try await load.makesProgress()
                try await disturb(load)
                try await load.makesProgress()
            } catch {
                load.stop()
                throw error
            }
            load.stop()
            try await sent
            let ids = load.accepted
            try await eventually("\(ids.count) accepted claims to be decided", within: .seconds(40)) {
                try Database.number("select count(*) from claims where coupon_name = any($1)", .texts(coupons))
                    == ids.count
            }
            let retried = try Database.number(
                "select count(*) from claims where coupon_name = any($1) and (attempts > 1 or status = 'dead_lettered')",
                .texts(coupons))
            #expect(!areAttemptsKept || retried == 0, "\(retried) of \(ids.count) needed more than one attempt")
        }

        private func id(of order: API.Order) throws -> ClaimID {
            let secret = try #require(Setup.environment(with: [:])["CLAIMS_ID_SECRET"])
            return ClaimIDIssuer(secret: secret).id(
                user: try #require(UserID(order.user)), key: try #require(IdempotencyKey(headerValue: order.key)),
                at: .now())
        }

        private func expectBrokerUnavailable(_ order: API.Order) async throws {
            let start = ContinuousClock.now
            let answer = try await api.post(order)
            #expect(ContinuousClock.now - start < .seconds(6), "\(ContinuousClock.now - start)")
            #expect(answer.status == 503 && answer.code == "broker_unavailable", "\(answer)")
            #expect(answer.header("Retry-After") != nil)
        }

        /// Checks that a request is accepted and decided when it is sent again with the same key.
        private func expectAcceptedAgain(_ order: API.Order) async throws {
            let claim = try await eventually("claims to be accepted again") {
                let answer = try await api.post(order)
                return answer.status == 202 ? try answer.decoded(Claim.self) : nil
            }
            #expect(try await api.claim(claim.id, wait: 30).status == "claimed")
            #expect(try await api.get("/readyz").status == 200)
        }
    }
}

/// Clients that send claims continuously, and repeat refused requests with the same key.
final class Load: Sendable {
    private struct State {
        var isStopped = false
        var accepted: [String] = []
        var users = 0
    }

    private let api: API
    private let coupons: [String]
    private let state = Mutex(State())
    private static let clients = 8

    init(_ api: API, _ coupons: [String]) {
        self.api = api
        self.coupons = coupons
    }

    /// The ids of the accepted claims.
    var accepted: [String] { state.withLock { $0.accepted } }

    func stop() { state.withLock { $0.isStopped = true } }

    /// Sends claims until ``stop()``. Every request that was started is repeated until it is accepted.
    func run() async throws {
        _ = try await concurrently(Array(0..<Self.clients), atMost: Self.clients) { [self] _ in
            while !state.withLock({ $0.isStopped }) {
                let user = state.withLock { state in
                    state.users += 1
                    return state.users
                }
                let order = API.Order(user: "u\(user)", coupon: coupons[user % coupons.count])
                try await eventually("claim \(order) to be accepted", within: .seconds(40)) {
                    let answer = try await self.api.post(order)
                    guard answer.status == 202 else {
                        guard answer.status == 503 else { throw TestFailure(description: "\(answer)") }
                        return false
                    }
                    let id = try answer.decoded(Claim.self).id
                    self.state.withLock { $0.accepted.append(id) }
                    return true
                }
            }
        }
    }

    /// Waits until a hundred more claims are accepted.
    func makesProgress() async throws {
        let before = accepted.count
        try await eventually("more claims to be accepted", within: .seconds(30), every: .milliseconds(5)) {
            accepted.count >= before + 100
        }
    }
}
