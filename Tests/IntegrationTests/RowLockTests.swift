import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// Rows of coupons that another session has locked. Other coupons of the lane are decided, and claims keep their order.
    @Suite(.system(workers: 2, ["CLAIMS_RETRY_DELAYS_MS": "100,200,300"]), .checked)
    struct RowLocks {
        let system = System.current
        var api: API { system.api }

        @Test func aLockedRowStopsNoOtherCouponOfItsLane() async throws {
            let held = try await api.coupon("ROW", amount: 100)
            let neighbour = try await api.coupon(inTheLaneOf: held)
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(held)' for update")
            var stuck: [String] = []
            for user in 0..<40 {
                stuck.append(try await api.submit("u\(user)", held).id)
                let id = try await api.submit("u\(user)", neighbour).id
                #expect(try await api.claim(id, wait: 20).outcome == "claimed")
            }
            #expect(try await api.coupon(held).remainingAmount == 100, "the row is locked")
            try holder.script("commit")
            let claims = try await concurrently(stuck) { try await api.claim($0, wait: 20) }
            #expect(claims.allSatisfy { $0.status == "claimed" || $0.status == "dead_lettered" })
            let waits = try Database.number(
                "select max(extract(epoch from decided_at - created_at) * 1000)::bigint from claims where coupon_name = $1",
                .text(neighbour))
            print("the slowest claim of another coupon waited \(waits) ms")
        }

        @Test func aShortRowLockCostsNoAttempt() async throws {
            let coupon = try await api.coupon("SHORT", amount: 10)
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(coupon)' for update")
            let ids = try await (0..<5).asyncMap { try await api.submit("u\($0)", coupon).id }
            // The lane waits for the row, and then for the next try.
            try await eventually("the worker to wait for the row") {
                try Database.number("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") > 0
            }
            try holder.script("commit")
            let claims = try await ids.asyncMap { try await api.claim($0, wait: 20) }
            #expect(claims.allSatisfy { $0.outcome == "claimed" && $0.attempts == 1 }, "\(claims)")
        }

        /// Longer than a transaction waits for the row, and shorter than all tries of an attempt.
        @Test func aRowLockOfASecondCostsNoAttempt() async throws {
            let coupon = try await api.coupon("SECOND", amount: 10)
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(coupon)' for update")
            let ids = try await (0..<5).asyncMap { try await api.submit("u\($0)", coupon).id }
            try await eventually("the worker to wait for the row", every: .milliseconds(5)) { try lockWaits() > 0 }
            let start = ContinuousClock.now
            try await eventually("a second to pass", every: .milliseconds(10)) {
                ContinuousClock.now - start > .seconds(1)
            }
            try holder.script("commit")
            let claims = try await ids.asyncMap { try await api.claim($0, wait: 20) }
            #expect(claims.allSatisfy { $0.outcome == "claimed" && $0.attempts == 1 }, "\(claims)")
        }

        /// The batch fails because of one claim, and its two halves are decided one after the other. The row is locked for the
        /// first half and free for the second.
        @Test func theOrderIsKeptWhenARowIsLockedForAHalfOfABatch() async throws {
            let held = try await api.coupon("HALF", amount: 1)
            let neighbour = try await api.coupon(inTheLaneOf: held)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            try FailureInjection.delay("slow", andRefuse: "unlucky")
            defer { try? FailureInjection.stop() }
            workers.forEach { $0.freeze() }
            var ids: [String] = []
            for (user, coupon) in [("first", held), ("slow", neighbour), ("unlucky", neighbour), ("second", held)] {
                ids.append(try await api.submit(user, coupon).id)
            }
            workers.forEach { $0.thaw() }
            try await eventually("the batch to be in a transaction", every: .milliseconds(5)) { try sleeping() > 0 }
            workers.forEach { $0.freeze() }
            let holder = try Database.connection()
            try await eventually("the transaction to fail", every: .milliseconds(5)) {
                do {
                    try holder.script("begin; select from coupons where name = '\(held)' for update nowait")
                    return true
                } catch {
                    try holder.script("rollback")
                    return false
                }
            }
            try #require(try await api.coupon(held).remainingAmount == 1, "all four claims are in the batch")
            workers.forEach { $0.thaw() }
            try await eventually("the rest of the first half", every: .milliseconds(5)) { try sleeping() > 0 }
            try holder.script("rollback")
            let claims = try await ids.asyncMap { try await api.claim($0, wait: 20).outcome }
            #expect(claims == ["claimed", "claimed", "dead_lettered database_error", "rejected sold_out"])
        }

        /// The number of sessions that are delayed by a trigger.
        private func sleeping() throws -> Int {
            try Database.number("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
        }

        @Test func aRowThatIsKnownToBeLockedIsTriedAgainWithoutWaiting() async throws {
            await system.end { $0.name.hasPrefix("worker") }
            try await system.startWorker("patient", ["CLAIMS_LOCK_WAIT_MS": "100", "CLAIMS_LOCK_RETRIES": "1000"])
            let coupon = try await api.coupon("KNOWN", amount: 10)
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(coupon)' for update")
            let id = try await api.submit("u1", coupon).id
            try await eventually("the worker to wait for the row", every: .milliseconds(5)) { try lockWaits() > 0 }
            try await eventually("the wait to end", every: .milliseconds(5)) { try lockWaits() == 0 }
            // The row is tried ten times a second. Each wait for it would take half a second.
            let start = ContinuousClock.now
            var waits = 0
            try await eventually("2 s to pass", every: .milliseconds(20)) {
                waits += try lockWaits()
                return ContinuousClock.now - start > .seconds(2)
            }
            #expect(waits == 0)
            try holder.script("commit")
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1, "\(claim)")
        }

        /// The number of sessions that wait for a lock.
        private func lockWaits() throws -> Int {
            try Database.number("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
        }
    }
}
