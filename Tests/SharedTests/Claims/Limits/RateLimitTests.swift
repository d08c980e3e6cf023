import Claims
import Testing

@Suite struct RateLimitTests {
    private func policy(_ text: String, name: String = "user") throws -> RatePolicy {
        try #require(RatePolicy(text, name: name))
    }

    @Test(arguments: ["100/60", "1/1", "1000000/86400"])
    func aPolicyIsParsed(_ text: String) throws {
        let policy = try policy(text)
        #expect("\(policy.count)/\(policy.seconds)" == text)
    }

    @Test(arguments: ["", "100", "0/60", "1/0", "-1/60", "100/60/2", "100 / 60", "a/b", "1000001/60", "1/86401", "/"])
    func anotherTextIsNoPolicy(_ text: String) {
        #expect(RatePolicy(text, name: "user") == nil)
    }

    @Test func aBucketAllowsItsCountAtOnceThenItsRate() throws {
        let buckets = LocalBuckets()
        let bucket = RateBucket(try policy("10/20"), of: "u1")
        var now: Int64 = 1_000_000_000
        for remaining in (0..<10).reversed() {
            let decision = buckets.take([bucket], now: now)
            #expect(decision.isAllowed)
            #expect(decision.standings[0].remaining == remaining)
            #expect(decision.retryAfter == 0)
        }
        let refused = buckets.take([bucket], now: now)
        #expect(!refused.isAllowed && refused.retryAfter == 2)
        #expect(refused.standings[0].remaining == 0 && refused.standings[0].reset == 20)
        // A refused request takes nothing, so the bucket is not kept empty by trying.
        now += 1_999_999
        #expect(!buckets.take([bucket], now: now).isAllowed)
        now += 1
        #expect(buckets.take([bucket], now: now).isAllowed)
        #expect(!buckets.take([bucket], now: now).isAllowed)
        now += 20_000_000
        #expect(buckets.take([bucket], now: now).standings[0].remaining == 9)
    }

    @Test func oneEmptyBucketRefusesAndChargesNone() throws {
        let buckets = LocalBuckets()
        let user = RateBucket(try policy("5/60"), of: "u1")
        let address = RateBucket(try policy("1/60", name: "address"), of: "::1")
        #expect(buckets.take([user, address], now: 0).isAllowed)
        for _ in 0..<10 { #expect(!buckets.take([user, address], now: 0).isAllowed) }
        #expect(buckets.look([user], now: 0).isAllowed)
        for _ in 0..<4 { #expect(buckets.take([user], now: 0).isAllowed) }
        #expect(!buckets.take([user], now: 0).isAllowed)
    }

    @Test func bucketsOfDifferentOwnersAndPoliciesAreSeparate() throws {
        let buckets = LocalBuckets()
        let one = try policy("1/60")
        #expect(buckets.take([RateBucket(one, of: "a")], now: 0).isAllowed)
        #expect(buckets.take([RateBucket(one, of: "b")], now: 0).isAllowed)
        #expect(buckets.take([RateBucket(try policy("1/60", name: "key"), of: "a")], now: 0).isAllowed)
        #expect(!buckets.take([RateBucket(one, of: "a")], now: 0).isAllowed)
    }

    @Test func theNumberOfBucketsIsBounded() throws {
        let buckets = LocalBuckets(capacity: 100)
        let policy = try policy("10/60")
        for number in 0..<10_000 { _ = buckets.take([RateBucket(policy, of: "address \(number)")], now: 0) }
        #expect(buckets.count <= 200)
    }

    @Test func aFreeRequestIsAllowedWithAnEmptyBucket() throws {
        let policy = try policy("10/60")
        let decision = RateDecision([policy], debts: [policy.capacity], isFree: true)
        #expect(decision.isAllowed && decision.standings[0].remaining == 0)
        #expect(!RateDecision([policy], debts: [policy.capacity]).isAllowed)
    }
}
