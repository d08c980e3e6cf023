import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// Claims of a coupon are decided in the order in which they were accepted.
    @Suite(.system(workers: 2), .checked)
    struct Order {
        let system = System.current
        var api: API { system.api }

        @Test func theFirst500Of2000ClaimsWin() async throws {
            let coupon = try await api.coupon("ORDER", amount: 500)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            var ids: [String] = []
            for user in 0..<2000 { ids.append(try await api.submit("u\(user)", coupon).id) }
            workers.forEach { $0.thaw() }
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            let losers = claims.prefix(500).filter { $0.status != "claimed" }
            #expect(losers.count == 0, "\(losers.count) of the first 500 got none, the first \(losers.prefix(1))")
            #expect(claims.dropFirst(500).tally == ["rejected sold_out": 1500])
            #expect(try await api.coupon(coupon).claimedBy == (0..<100).map { "u\($0)" })
        }

        @Test func theOrderIsKeptWhenAWorkerDiesWithUnacknowledgedClaims() async throws {
            let coupon = try await api.coupon("ORDER", amount: 250)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            var ids: [String] = []
            for user in 0..<1000 { ids.append(try await api.submit("u\(user)", coupon).id) }
            // The active worker of the lane has up to a thousand unacknowledged claims, and decides none.
            workers[0].signal(SIGKILL)
            workers[1].signal(SIGKILL)
            try await system.startWorker("worker-3")
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            let losers = claims.prefix(250).filter { $0.status != "claimed" }
            #expect(losers.count == 0, "\(losers.count) of the first 250 got none, the first \(losers.prefix(1))")
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        @Test func redeliveredClaimsOfProcessesWithDifferentClocksKeepTheirOrder() async throws {
            let coupon = try await api.coupon("CLOCKS", amount: 100)
            let late = try await system.startAPI("api-late", port: Setup.httpPort + 1, Clock.shifted(by: "-45s"))
            let early = try await system.startAPI("api-early", port: Setup.httpPort + 2, Clock.shifted(by: "+45s"))
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            let processes = [api, late, early]
            var ids: [String] = []
            for user in 0..<300 { ids.append(try await processes[user % 3].submit("u\(user)", coupon).id) }
            workers.forEach { $0.signal(SIGKILL) }
            try await system.startWorker("worker-3")
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            let losers = claims.prefix(100).filter { $0.status != "claimed" }
            #expect(losers.count == 0, "\(losers.count) of the first 100 got none, the first \(losers.prefix(1))")
        }

        @Test func theOrderIsKeptWhenAWorkerDiesHoldingTheLock() async throws {
            let coupon = try await api.coupon("HOT", amount: 400)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            var ids: [String] = []
            for user in 0..<1600 { ids.append(try await api.submit("u\(user)", coupon).id) }
            // A locked row delays the first decision until the worker is killed.
            let holder = try Database.connection()
            try holder.script("begin; select from coupons where name = '\(coupon)' for update")
            workers.forEach { $0.thaw() }
            let owner = try await eventually("the lock", every: .milliseconds(1)) { try Cache.locks()[coupon] }
            let owningWorker = workers.first { owner.contains("-\($0.pid)-") }
            try #require(owningWorker, "\(owner) is a worker of this suite").signal(SIGKILL)
            try holder.script("commit")
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            let losers = claims.prefix(400).filter { $0.status != "claimed" }
            #expect(losers.count == 0, "\(losers.count) of the first 400 got none, the first \(losers.prefix(1))")
            let retried = claims.filter { $0.attempts != 1 }
            #expect(
                retried.count == 0,
                "the lock of a dead worker costs no attempt, but \(retried.count) claims had more than one")
        }
    }
}
