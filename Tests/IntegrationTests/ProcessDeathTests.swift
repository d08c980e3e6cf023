import Claims
import Foundation
import Postgres
import RuntimeSupport
import Synchronization
import Testing

extension IntegrationTests {
    /// Workers and API processes that are killed, frozen or terminated while they process claims.
    @Suite(
        .system(workers: 2, ["CLAIMS_BATCH": "1", "CLAIMS_PREFETCH": "5000", "CLAIMS_HEARTBEAT_SECONDS": "1"]), .checked
    )
    struct ProcessDeath {
        let system = System.current
        var api: API { system.api }

        @Test func aKilledWorkersCouponsAreClaimedAgainWithinThreeSeconds() async throws {
            let backlog = try await backlog(5000)
            try await eventually("some to be decided", every: .zero) { try backlog.decided() > 100 }
            let death = Timestamp.now()
            try system.program("worker-1").signal(SIGKILL)
            #expect(try backlog.decided() < 4000, "it died before the end")
            try await backlog.finish()
            let late = try backlog.resumedLate(after: death, limit: 3000)
            #expect(late.isEmpty, "not claimed within 3 s after the kill: \(late)")
        }

        @Test func aNewWorkerContinuesAfterAllOthersDied() async throws {
            let backlog = try await backlog(3000)
            try await eventually("some to be decided", every: .zero) { try backlog.decided() > 100 }
            for name in ["worker-1", "worker-2"] { try system.program(name).signal(SIGKILL) }
            for name in ["worker-1", "worker-2"] { try await system.program(name).end(within: .seconds(5)) }
            let left = try backlog.decided()
            #expect(left < 3000, "they died before the end")
            let stuck = try await api.get("/claims/\(backlog.ids[2999])")
            #expect(stuck.status == 200, "an accepted claim is never unknown")
            try await system.startWorker("worker-3")
            try await backlog.finish()
        }

        @Test func repeatedlyKilledWorkersLoseNothing() async throws {
            let backlog = try await backlog(3000)
            for number in 3...6 {
                let before = try backlog.decided()
                let next = try await system.startWorker("worker-\(number)")
                for program in ["worker-1", "worker-2", "worker-\(number - 1)"] {
                    if let old = try? system.program(program), old.isRunning { old.signal(SIGKILL) }
                }
                try await eventually("worker \(number) to decide claims", within: .seconds(10), every: .milliseconds(5))
                {
                    let decided = try backlog.decided()
                    return decided > before || decided == 3000
                }
                #expect(next.isRunning)
            }
            try await backlog.finish()
        }

        @Test func theLanesOfAFrozenWorkerMoveToTheOther() async throws {
            let coupons = try await (0..<20).asyncMap { try await api.coupon("FROZEN_\($0)", amount: 10) }
            let frozen = try system.program("worker-1")
            frozen.freeze()
            let start = ContinuousClock.now
            let claims = try await api.outcomes(coupons.map { API.Order(user: "u1", coupon: $0) })
            #expect(claims.tally == ["claimed": 20])
            #expect(claims.allSatisfy { $0.attempts == 1 })
            #expect(ContinuousClock.now - start < .seconds(20))
            frozen.thaw()
            let again = try await api.outcomes(coupons.map { API.Order(user: "u2", coupon: $0) })
            #expect(again.tally == ["claimed": 20], "after the worker has resumed")
        }

        @Test func aWorkerThatResumesDuringABacklogDoesNoHarm() async throws {
            let backlog = try await backlog(4000)
            let frozen = try system.program("worker-1")
            try await eventually("some to be decided", every: .zero) { try backlog.decided() > 100 }
            frozen.freeze()
            let before = try backlog.decided()
            try await eventually("the other worker to decide claims", within: .seconds(20)) {
                try backlog.decided() > before + 200
            }
            frozen.thaw()
            try await backlog.finish()
        }

        @Test func aTerminatedWorkerFinishesItsBatchAndLeavesNoLock() async throws {
            let backlog = try await backlog(3000)
            try await eventually("some to be decided", every: .zero) { try backlog.decided() > 100 }
            let terminated = try system.program("worker-1")
            terminated.signal(SIGTERM)
            #expect(try await terminated.end(within: .seconds(10)) == 0)
            let left = try Cache.locks().filter { $0.value.contains("-\(terminated.pid)-") }
            #expect(left.isEmpty, "locks of the terminated worker: \(left)")
            #expect(try System.status(of: terminated) == nil)
            try await backlog.finish()
        }

        @Test(arguments: [SIGTERM, SIGKILL])
        func requestsThatAStoppedAPIDidNotAnswerAreRetriedAndDecidedOnce(signal: Int32) async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let program = try system.program("api-2")
            let coupon = try await api.coupon("LAST", amount: 2000)
            let answered = Mutex(0)
            async let claims = concurrently((0..<1500).map { API.Order(user: "u\($0)", coupon: coupon) }) { order in
                if let answer = try? await other.post(order), answer.status != 503 {
                    answered.withLock { $0 += 1 }
                    return try answer.decoded(Claim.self)
                }
                // Requests without an answer are sent again to the other process with the same key.
                return try await api.submit(order.user, order.coupon, key: order.key)
            }
            try await eventually("the first answers", every: .milliseconds(1)) { answered.withLock { $0 } > 50 }
            program.signal(signal)
            let code = try await program.end(within: .seconds(10))
            #expect(code == (signal == SIGTERM ? 0 : 128 + signal))
            let ids = try await claims.map(\.id)
            #expect(Set(ids).count == 1500)
            let outcomes = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(outcomes.tally == ["claimed": 1500])
            #expect(try await api.coupon(coupon).remainingAmount == 500)
        }

        /// Submits claims of twenty coupons, all before the first is decided.
        private func backlog(_ claims: Int) async throws -> Backlog {
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            defer { workers.forEach { $0.thaw() } }
            return try await Backlog(api, claims: claims, coupons: 20)
        }
    }
}

/// Many pending claims of several coupons.
struct Backlog {
    let api: API
    let coupons: [String]
    let ids: [String]

    /// Submits the claims. The amount of each coupon is half the number of its claims.
    init(_ api: API, claims: Int, coupons count: Int) async throws {
        self.api = api
        coupons = try await (0..<count).asyncMap { try await api.coupon("LOG_\($0)", amount: claims / count / 2) }
        let names = coupons
        let orders = (0..<claims).map { API.Order(user: "u\($0 / count)", coupon: names[$0 % count]) }
        ids = try await concurrently(orders, atMost: 128) { try await api.submit($0.user, $0.coupon, key: $0.key).id }
    }

    /// Returns the number of decided claims.
    func decided() throws -> Int {
        try Database.number("select count(*) from claims where coupon_name = any($1)", .texts(coupons))
    }

    /// Waits until all claims are decided, and checks that each was decided correctly at the first attempt.
    func finish(within time: Duration = .seconds(40)) async throws {
        try await eventually("\(ids.count) claims to be decided", within: time) { try decided() == ids.count }
        let rows = try Database.rows(
            "select status, reason, attempts, count(*) from claims where coupon_name = any($1) group by 1, 2, 3 order by 1",
            columns: 4, .texts(coupons))
        let half = String(ids.count / 2)
        #expect(rows == [["claimed", nil, "1", half], ["rejected", "sold_out", "1", half]])
    }

    /// Returns the coupons with pending claims that were not claimed again within `limit` milliseconds after a kill.
    func resumedLate(after death: Timestamp, limit: Int) throws -> [[String?]] {
        try Database.rows(
            """
            select coupon_name, (extract(epoch from min(decided_at)) * 1000)::bigint - $2 from claims
            where coupon_name = any($1) and decided_at > to_timestamp($2 / 1000.0)
            group by coupon_name having (extract(epoch from min(decided_at)) * 1000)::bigint - $2 > $3
            """, columns: 2, .texts(coupons), .integer(Int(death.milliseconds)), .integer(limit))
    }
}
