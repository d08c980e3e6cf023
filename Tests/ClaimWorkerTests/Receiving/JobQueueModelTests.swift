import Claims
import SeededRandom
import Testing

@testable import ClaimWorker

/// Batches of a lane with random locks and outages: every job leaves the queue once, and a coupon's jobs in their order.
@Suite struct JobQueueModelTests {
    private let coupons = ["A", "B", "C"].map(CouponName.made)

    /// A lane that finishes batches as its random numbers say.
    private struct Lane {
        var random: SeededGenerator
        var queue: JobQueue
        var now = ContinuousClock.now
        var received: UInt64 = 0
        var decided: [CouponName: [UInt64]] = [:]
        var failed: [UInt64] = []

        init(seed: Int) {
            random = SeededGenerator(seed: seed)
            let retries = Int.random(in: 0...3, using: &random)
            queue = JobQueue(
                lock: LockSettings(ttl: .seconds(20), wait: .milliseconds(500), retries: retries))
        }

        mutating func receive(_ coupons: [CouponName]) {
            for _ in 0..<Int.random(in: 0...10, using: &random) {
                received += 1
                let coupon = coupons[Int.random(in: 0..<coupons.count, using: &random)]
                queue.receive(.made(received, coupon: coupon.description), now: now)
            }
        }

        /// - Parameter isQuiet: whether every lock is free and both stores are available.
        mutating func runBatch(isQuiet: Bool, receiving coupons: [CouponName]) {
            now += .milliseconds(Int.random(in: 0...400, using: &random))
            let limit = Int.random(in: 1...8, using: &random)
            let batch = queue.take(atMost: limit, now: now)
            #expect(batch.jobs.count <= limit)
            // More messages arrive while a statement runs.
            if !isQuiet { receive(coupons) }
            let isFree = Dictionary(uniqueKeysWithValues: coupons.map { ($0, isQuiet || random.oneIn(3)) })
            let acquired = Set(batch.jobs.compactMap(\.coupon).filter { isFree[$0] == true })
            let locked = batch.jobs.filter { $0.coupon.map(acquired.contains) != true }
            if !isQuiet, random.oneIn(4) {
                // The outage comes before or after the locks.
                if random.oneIn(2) { _ = queue.postpone(locked, now: now) }
                return queue.putBack(batch)
            }
            let refused = queue.postpone(locked, now: now).map(\.tag)
            failed += refused
            for job in batch.jobs {
                if let coupon = job.coupon, acquired.contains(coupon) {
                    decided[coupon, default: []].append(job.job.tag)
                }
            }
        }

        var finished: [UInt64] { decided.values.flatMap(\.self) + failed }
    }

    @Test(arguments: 0..<60) func everyJobIsDecidedOrFailsOnceAndInItsCouponsOrder(_ seed: Int) {
        var lane = Lane(seed: seed)
        lane.receive(coupons)
        for _ in 0..<200 { lane.runBatch(isQuiet: false, receiving: coupons) }
        for _ in 0..<10_000 where lane.finished.count < Int(lane.received) {
            lane.runBatch(isQuiet: true, receiving: coupons)
        }
        for (coupon, tags) in lane.decided { #expect(tags == tags.sorted(), "\(coupon)") }
        #expect(lane.finished.sorted() == Array(1...lane.received))
    }
}
