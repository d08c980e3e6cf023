import Claims
import SeededRandom
import Testing

@testable import ClaimWorker

/// A lane's turns with random locks: what comes in goes out once, and claims of one coupon in their order.
@Suite struct LockRetryQueueModelTests {
    private let coupons = ["A", "B", "C"].compactMap(CouponName.init)

    @Test(arguments: 0..<60) func everyClaimGoesThroughOrFailsOnceAndInItsCouponsOrder(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        let retries = Int.random(in: 0...3, using: &random)
        var room = LockRetryQueue(LockSettings(ttl: .seconds(20), wait: .milliseconds(500), retries: retries))
        var now = ContinuousClock.now
        var (next, through, failed): (UInt64, [CouponName: [UInt64]], [UInt64]) = (1, [:], [])

        func turn(isQuiet: Bool) {
            now += .milliseconds(Int.random(in: 0...400, using: &random))
            let limit = Int.random(in: 1...8, using: &random)
            var tickets = room.takeDue(now: now, atMost: limit)
            #expect(tickets.count <= limit)
            for _ in 0..<(isQuiet ? 0 : 10) where tickets.count < limit {
                let coupon = coupons[Int.random(in: 0..<3, using: &random)]
                let job = Job.made(next, coupon: coupon.description)
                next += 1
                if room.join(job, of: coupon) { continue }
                tickets.append(PendingJob(job: job, coupon: coupon, tries: 0))
            }
            for coupon in coupons {
                let own = tickets.filter { $0.coupon == coupon }
                guard !own.isEmpty else { continue }
                if isQuiet || random.oneIn(3) {
                    through[coupon, default: []] += own.map(\.job.tag)
                } else {
                    let refused = room.refused(own, of: coupon, now: now)
                    #expect(refused.map(\.tag) == refused.map(\.tag).sorted())
                    failed += refused.map(\.tag)
                }
            }
            failed += room.evict(above: 40).map(\.tag)
            #expect(room.count <= 40)
        }
        for _ in 0..<200 { turn(isQuiet: false) }
        while room.count > 0 { turn(isQuiet: true) }

        for (coupon, tags) in through { #expect(tags == tags.sorted(), "\(coupon)") }
        #expect((through.values.flatMap(\.self) + failed).sorted() == Array(1..<next))
    }
}
