import Claims
import Foundation
import Testing

extension IntegrationTests {
    /// Many concurrent claims.
    @Suite(.system(workers: 2), .checked)
    struct Stress {
        let system = System.current
        var api: API { system.api }

        @Test func fiveOfAHundredConcurrentUsersGetTheFiveCoupons() async throws {
            let coupon = try await api.coupon("FIVE", amount: 5)
            let claims = try await api.outcomes(users(100, coupon))
            #expect(claims.tally == ["claimed": 5, "rejected sold_out": 95])
            #expect(try await api.coupon(coupon).remainingAmount == 0)
        }

        @Test func aBusyLockCostsNoneOfAHundredConcurrentUsersACoupon() async throws {
            let coupon = try await api.coupon("HUNDRED", amount: 100)
            let claims = try await api.outcomes(users(100, coupon))
            #expect(claims.tally == ["claimed": 100])
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        @Test func aUserWithAHundredClaimsGetsOneCoupon() async throws {
            let coupon = try await api.coupon("GREEDY", amount: 100)
            let claims = try await api.outcomes((0..<100).map { _ in API.Order(user: "greedy", coupon: coupon) })
            #expect(claims.tally == ["claimed": 1, "rejected already_claimed": 99])
            #expect(Set(claims.map(\.id)).count == 100)
            #expect(try await api.coupon(coupon).claimedBy == ["greedy"])
        }

        @Test func aKeySentAHundredTimesToTwoProcessesIsOneClaim() async throws {
            let coupon = try await api.coupon("ONE_KEY", amount: 100)
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let order = API.Order(user: "u1", coupon: coupon)
            let both = [api, other]
            let answers = try await concurrently(Array(0..<100), atMost: 100) { try await both[$0 % 2].post(order) }
            #expect(answers.allSatisfy { $0.status == 202 })
            let ids = Set(try answers.map { try $0.decoded(Claim.self).id })
            #expect(ids.count == 1)
            let replays = answers.filter { $0.header("Idempotency-Replayed") == "true" }
            #expect(replays.count == 99)
            #expect(try await other.claim(try #require(ids.first), wait: 20).status == "claimed")
            #expect(try await api.coupon(coupon).remainingAmount == 99)
        }

        @Test func concurrentClaimsOfManyCouponsOversellNone() async throws {
            let coupons = try await (0..<20).asyncMap { try await api.coupon("MANY_\($0)", amount: $0) }
            let orders = coupons.flatMap { users(30, $0) }.shuffled()
            let claims = try await api.outcomes(orders)
            for (amount, coupon) in coupons.enumerated() {
                let tally = claims.filter { $0.couponName == coupon }.tally
                #expect(tally["claimed", default: 0] == amount && tally["rejected sold_out"] == 30 - amount)
            }
        }

        private func users(_ count: Int, _ coupon: String) -> [API.Order] {
            (0..<count).map { API.Order(user: "user-\($0)", coupon: coupon) }
        }
    }
}
