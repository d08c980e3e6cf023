import Broker
import OrderedCollections
import Postgres
import Redis
import Testing

extension IntegrationTests {
    /// The locks of coupons and their owners.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "100,200,300", "CLAIMS_LOCK_WAIT_MS": "100"]), .checked)
    struct Locks {
        let system = System.current
        var api: API { system.api }

        @Test func aForeignLockDelaysOnlyItsOwnCoupon() async throws {
            let held = try await api.coupon("HELD", amount: 5)
            let neighbour = try await api.coupon(inTheLaneOf: held)
            try Cache.send("SET", "claim:coupon:\(held)", "a stranger", "PX", "60000")
            let stuck = try await api.submit("u1", held).id
            let start = ContinuousClock.now
            for user in 0..<20 {
                let id = try await api.submit("u\(user)", neighbour).id
                #expect(try await api.claim(id, wait: 10).attempts == 1)
            }
            #expect(ContinuousClock.now - start < .seconds(2), "the lane is not blocked")
            let claim = try await api.claim(stuck, wait: 20)
            #expect(claim.outcome == "dead_lettered lock_held" && claim.attempts == 4)
            #expect(
                try Cache.send("GET", "claim:coupon:\(held)").string == "a stranger", "the foreign lock is not removed")
            let message = try await RabbitMQ.deadLetter(stuck)
            #expect(message.properties.headers["reason"]?.string == "lock_held")
            let codes = message.properties.headers["errors"]?.array?.compactMap { $0.table?["code"]?.string }
            #expect(codes == Array(repeating: "lock_held", count: 4))
            try Cache.send("DEL", "claim:coupon:\(held)")
            #expect(try await api.coupon(held).remainingAmount == 5)
        }

        @Test func aLockThatIsReleasedInTimeCostsNoAttempt() async throws {
            let coupon = try await api.coupon("RELEASED", amount: 5)
            try Cache.send("SET", "claim:coupon:\(coupon)", "a stranger", "PX", "150")
            let id = try await api.submit("u1", coupon).id
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
        }

        @Test func aLockThatIsReleasedLateCostsOneAttempt() async throws {
            let coupon = try await api.coupon("LATER", amount: 5)
            try Cache.send("SET", "claim:coupon:\(coupon)", "a stranger", "PX", "60000")
            let id = try await api.submit("u1", coupon).id
            try await eventually("an attempt to fail") { try await api.claim(id).reason == "lock_held" }
            try Cache.send("DEL", "claim:coupon:\(coupon)")
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.status == "claimed" && (2...4).contains(claim.attempts ?? 0), "\(claim)")
        }

        @Test func aLockIsReleasedAfterItsBatch() async throws {
            let coupon = try await api.coupon("DONE", amount: 5)
            _ = try await api.claim(try await api.submit("u1", coupon).id, wait: 20)
            try await eventually("no lock", within: .seconds(2)) { try Cache.locks()[coupon] == nil }
        }

        @Test func aLockThatAnotherOwnerHasTakenIsNotReleased() async throws {
            let coupon = try await api.coupon("STOLEN", amount: 5)
            // A locked row delays the decision while the worker holds the lock.
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(coupon)' for update")
            let id = try await api.submit("u1", coupon).id
            let owner = try await eventually("the worker's lock") { try Cache.locks()[coupon] }
            #expect(owner.contains("worker-1"), "the value names its worker: \(owner)")
            let life = try #require(try Cache.send("PTTL", "claim:coupon:\(coupon)").integer)
            #expect((1...20_000).contains(life))
            try Cache.send("SET", "claim:coupon:\(coupon)", "another owner", "PX", "60000")
            try holder.script("commit")
            #expect(try await api.claim(id, wait: 20).status == "claimed")
            #expect(try Cache.send("GET", "claim:coupon:\(coupon)").string == "another owner")
            try Cache.send("DEL", "claim:coupon:\(coupon)")
        }

        @Test func theLockOfADeadWorkerIsTakenOverAtOnce() async throws {
            let coupon = try await api.coupon("GHOST", amount: 5)
            try Cache.send("SET", "claim:coupon:\(coupon)", "worker/ghost-1-abc/0", "PX", "60000")
            let start = ContinuousClock.now
            let claim = try await api.claim(try await api.submit("u1", coupon).id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
            #expect(ContinuousClock.now - start < .seconds(1))
        }

        @Test func aLockedRowDelaysOnlyItsOwnCoupon() async throws {
            let held = try await api.coupon("ROW", amount: 5)
            let neighbour = try await api.coupon(inTheLaneOf: held)
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(held)' for update")
            let stuck = try await api.submit("u1", held).id
            let others = try await api.outcomes((0..<20).map { API.Order(user: "u\($0)", coupon: neighbour) })
            #expect(others.tally == ["claimed": 20])
            #expect(others.allSatisfy { $0.attempts == 1 }, "they share the lane, but not the failure")
            try holder.script("commit")
            let claim = try await api.claim(stuck, wait: 20)
            #expect(claim.status == "claimed" && (1...3).contains(claim.attempts ?? 0), "\(claim)")
        }

        @Test func repeatedlyWipedLocksBreakNoRule() async throws {
            try await system.startWorker("worker-2", ["CLAIMS_BATCH": "5"])
            let coupons = try await (0..<8).asyncMap { try await api.coupon("WIPED_\($0)", amount: 40) }
            let orders = coupons.flatMap { coupon in (0..<100).map { API.Order(user: "u\($0)", coupon: coupon) } }
            async let claims = api.outcomes(orders.shuffled())
            for _ in 0..<60 {
                for coupon in coupons { try Cache.send("DEL", "claim:coupon:\(coupon)") }
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await claims.tally == ["claimed": 320, "rejected sold_out": 480])
        }
    }
}
