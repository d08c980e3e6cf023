import Postgres
import Testing

extension IntegrationTests {
    /// The ids of requests that are repeated on the next day.
    @Suite(.system(workers: 1), .checked)
    struct DatedIDs {
        private let system = System.current
        private var api: API { system.api }

        private func yesterdaysAPI() async throws -> API {
            try await system.startAPI("api-yesterday", port: Setup.httpPort + 1, Clock.shifted(by: "-24h"))
        }

        /// Sends the same request, with the coupon as its key.
        private func post(_ coupon: String, to api: API) async throws -> (claim: Claim, replayed: Bool) {
            let answer = try await api.post(API.Order(user: "ann", coupon: coupon, key: coupon))
            try #require(answer.status == 202, "\(answer)")
            return (try answer.decoded(Claim.self), answer.header("Idempotency-Replayed") == "true")
        }

        @Test func aRequestThatIsRepeatedOnTheNextDayHasTheSameID() async throws {
            let coupon = try await api.coupon("MIDNIGHT", amount: 5, rules: #", "per_user_limit": 2"#)
            let first = try await post(coupon, to: try await yesterdaysAPI())
            #expect(!first.replayed)
            let pending = try await post(coupon, to: api)
            #expect(pending.claim.id == first.claim.id && pending.replayed)
            #expect(try await api.claim(first.claim.id, wait: 10).status == "claimed")
            let decided = try await post(coupon, to: api)
            #expect(decided.claim.id == first.claim.id && decided.replayed)
            #expect(try await api.coupon(coupon).remainingAmount == 4)
        }

        @Test(arguments: [true, false])
        func withoutRedisARequestIsDecidedOnceOnBothDays(wasDecidedBefore: Bool) async throws {
            let coupon = try await api.coupon("MIDNIGHT", amount: 5, rules: #", "per_user_limit": 2"#)
            let worker = try system.program("worker-1")
            if !wasDecidedBefore { worker.freeze() }
            let first = try await post(coupon, to: try await yesterdaysAPI()).claim
            if wasDecidedBefore { #expect(try await api.claim(first.id, wait: 10).status == "claimed") }
            try Cache.send("FLUSHALL")
            let second = try await post(coupon, to: api).claim
            #expect(second.id != first.id && second.id.prefix(24) == first.id.prefix(24))
            // The claim has one row, under the id that was decided first.
            api.ledger.remove(second.id)
            if !wasDecidedBefore { worker.thaw() }
            for id in [first.id, second.id] { #expect(try await api.claim(id, wait: 30).status == "claimed") }
            // The second message has been decided too once a later claim of the same coupon is.
            _ = try await api.claim(try await api.submit("ben", coupon).id, wait: 30)
            let sql = "select id from claims where user_id = 'ann' and coupon_name = $1"
            #expect(try Database.rows(sql, columns: 1, .text(coupon)) == [[first.id]])
            #expect(try await api.coupon(coupon).remainingAmount == 3)
            // Both ids cancel the claim.
            #expect(try await api.send("POST", "/claims/\(second.id)/cancel").status == 202)
            try await eventually("the cancellation") { try await api.claim(first.id).status == "cancelled" }
            #expect(try await api.coupon(coupon).remainingAmount == 4)
        }
    }
}
