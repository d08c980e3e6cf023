import Claims
import Testing

@testable import ClaimWorker

@Suite struct JobQueueTests {
    private let start = ContinuousClock.now
    private let wait = Duration.milliseconds(500)
    private let sale = CouponName.made("SALE")
    private let gift = CouponName.made("GIFT")

    private func queue(retries: Int = 3) -> JobQueue {
        JobQueue(lock: LockSettings(ttl: .seconds(20), wait: wait, retries: retries))
    }

    /// A queue that has received these jobs.
    private func queue(_ jobs: Job..., retries: Int = 3) -> JobQueue {
        var queue = queue(retries: retries)
        for job in jobs { queue.receive(job, now: start) }
        return queue
    }

    private func tags(_ batch: JobQueue.Batch) -> [UInt64] { batch.jobs.map(\.job.tag) }
    private func tags(_ jobs: [Job]) -> [UInt64] { jobs.map(\.tag) }

    /// Everything that the queue holds, with the tries of its locks, in the order in which it can be taken later on.
    private func contents(_ queue: JobQueue) -> [String] {
        var (queue, all): (JobQueue, [String]) = (queue, [])
        while true {
            let batch = queue.take(atMost: 1, now: start + .seconds(3600))
            if batch.jobs.isEmpty { return all }
            all += batch.jobs.map { "\($0.job.tag): \($0.lockTries)" }
        }
    }

    // MARK: Taking

    @Test func jobsAreTakenInTheOrderOfTheirArrival() {
        var queue = queue(.made(1), .made(2, coupon: "GIFT"), .made(3))
        #expect(tags(queue.take(atMost: 2, now: start)) == [1, 2])
        #expect(tags(queue.take(atMost: 2, now: start)) == [3])
        #expect(queue.take(atMost: 2, now: start).jobs.isEmpty)
    }

    @Test func dueRetriesAreTakenBeforeDeliveries() {
        var queue = queue(.made(1))
        let batch = queue.take(atMost: 10, now: start)
        #expect(queue.postpone(batch.jobs, now: start).isEmpty)
        queue.receive(.made(2, coupon: "GIFT"), now: start)
        #expect(tags(queue.take(atMost: 10, now: start + wait)) == [1, 2])
    }

    @Test func jobsOfACouponThatWaitsForItsLockQueueUpBehind() {
        var queue = queue(.made(1))
        let batch = queue.take(atMost: 10, now: start)
        _ = queue.postpone(batch.jobs, now: start)
        queue.receive(.made(2), now: start)
        queue.receive(.made(3, coupon: "GIFT"), now: start)
        #expect(tags(queue.take(atMost: 10, now: start)) == [3])
        #expect(tags(queue.take(atMost: 10, now: start + wait)) == [1, 2])
    }

    @Test func anUnreadableMessageDoesNotWaitForALock() {
        var queue = queue(.made(1), .made(2, body: "nonsense"))
        let batch = queue.take(atMost: 10, now: start)
        #expect(batch.jobs.map(\.coupon) == [sale, nil])
        #expect(queue.postpone(batch.jobs, now: start).isEmpty)
        #expect(tags(queue.take(atMost: 10, now: start + wait)) == [1])
    }

    @Test func theNextRetryOrTheEndOfTheGatheringIsDue() {
        var queue = queue()
        #expect(queue.nextDue == nil)
        queue.receive(.made(1), now: start)
        let batch = queue.take(atMost: 10, now: start)
        _ = queue.postpone(batch.jobs, now: start)
        #expect(queue.nextDue == start + wait)
        queue.receive(.made(2, coupon: "GIFT", returns: 1), now: start)
        #expect(queue.nextDue == start + DeliveryBuffer.gatheringTime)
        #expect(tags(queue.take(atMost: 10, now: start + DeliveryBuffer.gatheringTime)) == [2])
        #expect(queue.nextDue == start + wait)
    }

    // MARK: Suspicious messages

    private let often = PoisonMessageDetector.suspiciousReturns

    @Test func aSuspiciousMessageIsTakenAlone() {
        var queue = queue(.made(1, sequence: 1, returns: often), .made(2, sequence: 2, returns: 1), .made(3))
        let batch = queue.take(atMost: 10, now: start)
        #expect(tags(batch) == [1])
        #expect(batch.isSuspicious)
        #expect(tags(queue.take(atMost: 10, now: start)) == [2, 3])
    }

    @Test func messagesBeforeASuspiciousOneAreTakenOneAtATime() {
        var queue = queue(.made(1, sequence: 1, returns: 1), .made(2, sequence: 2, returns: often), .made(3))
        let first = queue.take(atMost: 10, now: start)
        #expect(tags(first) == [1])
        #expect(!first.isSuspicious)
        let second = queue.take(atMost: 10, now: start)
        #expect(tags(second) == [2] && second.isSuspicious)
        #expect(!queue.take(atMost: 10, now: start).isSuspicious)
    }

    @Test func theClaimsOfASuspiciousMessageAreTakenTogether() {
        let claims = Job.several(1, coupons: ["SALE", "GIFT", "SALE"], returns: often)
        var queue = queue()
        for job in claims + [.made(2)] { queue.receive(job, now: start) }
        let batch = queue.take(atMost: 2, now: start)
        #expect(batch.jobs.map(\.job.part) == claims.map(\.part) && batch.isSuspicious)
        _ = queue.postpone(batch.jobs.filter { $0.coupon == sale }, now: start)
        queue.putBack(batch)
        #expect(queue.take(atMost: 2, now: start).jobs.map(\.job.part) == claims.map(\.part))
        #expect(tags(queue.take(atMost: 2, now: start)) == [2])
    }

    @Test func theClaimsOfASuspiciousMessageAreTakenAloneAfterTheirLockWasHeld() {
        var queue = queue()
        for job in Job.several(1, coupons: ["SALE", "GIFT", "SALE"], returns: often) { queue.receive(job, now: start) }
        let batch = queue.take(atMost: 10, now: start + DeliveryBuffer.gatheringTime)
        _ = queue.postpone(batch.jobs.filter { $0.coupon == sale }, now: start)
        for index in [0, 2] {
            let next = queue.take(atMost: 10, now: start + wait)
            #expect(next.jobs.map(\.job.part.index) == [index] && next.isSuspicious)
        }
    }

    @Test func aSuspiciousMessageIsTakenAloneAfterItsLockWasHeld() {
        var queue = queue(.made(1, returns: often), .made(2), .made(3, coupon: "GIFT"))
        let first = queue.take(atMost: 10, now: start)
        #expect(tags(first) == [1] && first.isSuspicious)
        _ = queue.postpone(first.jobs, now: start)
        #expect(tags(queue.take(atMost: 10, now: start)) == [3])

        let second = queue.take(atMost: 10, now: start + wait)
        #expect(tags(second) == [1] && second.isSuspicious)
        #expect(queue.postpone(second.jobs.without(sale), now: start + wait).isEmpty)
        #expect(tags(queue.take(atMost: 10, now: start + wait)) == [2])
    }

    // MARK: Postponing

    @Test func jobsWhoseLockWasAcquiredAreNotPostponed() {
        var queue = queue(.made(1), .made(2, coupon: "GIFT"))
        let batch = queue.take(atMost: 10, now: start)
        #expect(queue.postpone(batch.jobs.without(sale), now: start).isEmpty)
        #expect(contents(queue) == ["2: 1"])
    }

    @Test func jobsWithoutARetryOfTheirLockFailInTheirOrder() {
        var queue = queue(.made(1), .made(2, coupon: "GIFT"), .made(3), retries: 0)
        let batch = queue.take(atMost: 10, now: start)
        #expect(tags(queue.postpone(batch.jobs, now: start)) == [1, 3, 2])
        #expect(contents(queue).isEmpty)
    }

    @Test func aThousandWaitingJobsKeepAllTheirTries() {
        var queue = queue(retries: 3)
        for tag in 1...1000 { queue.receive(.made(UInt64(tag)), now: start) }
        for attempt in 1...3 {
            let batch = queue.take(atMost: 1000, now: start + wait * attempt)
            #expect(batch.jobs.count == 1000)
            #expect(queue.postpone(batch.jobs, now: start + wait * attempt).isEmpty)
        }
        let last = queue.take(atMost: 1000, now: start + wait * 4)
        #expect(tags(queue.postpone(last.jobs, now: start + wait * 4)) == Array(1...1000))
        #expect(queue.isEmpty)
    }

    @Test func aQueueIsEmptyOnceEverythingIsTaken() {
        var queue = queue()
        #expect(queue.isEmpty)
        queue.receive(.made(1), now: start)
        queue.receive(.made(2, returns: 1), now: start)
        #expect(!queue.isEmpty)
        let batch = queue.take(atMost: 10, now: start + wait)
        #expect(queue.isEmpty == (batch.jobs.count == 2))
        queue.putBack(batch)
        #expect(!queue.isEmpty)
        _ = queue.postpone(queue.take(atMost: 10, now: start + wait).jobs, now: start + wait)
        #expect(!queue.isEmpty)
    }

    // MARK: Putting back

    @Test func anInterruptedBatchIsTakenAgain() {
        var queue = queue(.made(1), .made(2, coupon: "GIFT"), .made(3))
        let batch = queue.take(atMost: 2, now: start)
        queue.putBack(batch)
        #expect(contents(queue) == ["1: 0", "2: 0", "3: 0"])
    }

    @Test func anOutageAfterTheLocksUsesUpNoTry() {
        var queue = queue(.made(1), .made(2, coupon: "GIFT"), .made(3), retries: 1)
        let first = queue.take(atMost: 10, now: start)
        _ = queue.postpone(first.jobs.without(gift), now: start)
        queue.receive(.made(4), now: start)
        let before = contents(queue)
        #expect(before == ["1: 1", "3: 1", "4: 0"])

        let second = queue.take(atMost: 2, now: start + wait)
        #expect(tags(second) == [1, 3])
        #expect(tags(queue.postpone(second.jobs, now: start + wait)) == [1, 3])
        queue.putBack(second)
        #expect(contents(queue) == before)
        #expect(queue.nextDue == start + wait)
    }

    @Test func jobsThatJoinedAWaitingCouponKeepTheirOrderAfterAnOutage() {
        var queue = queue(.made(1))
        let first = queue.take(atMost: 10, now: start)
        _ = queue.postpone(first.jobs, now: start)
        for tag in 2...3 { queue.receive(.made(UInt64(tag)), now: start) }
        queue.receive(.made(4, coupon: "GIFT"), now: start)
        let second = queue.take(atMost: 10, now: start)
        #expect(tags(second) == [4])
        queue.putBack(second)
        #expect(contents(queue) == ["1: 1", "2: 0", "3: 0", "4: 0"])
    }

    @Test func messagesThatArriveDuringABatchComeAfterItWhenItIsPutBack() {
        var queue = queue(.made(1), .made(2))
        let batch = queue.take(atMost: 10, now: start)
        queue.receive(.made(3), now: start)
        queue.receive(.made(4, sequence: 4, returns: 1), now: start)
        queue.receive(.made(5), now: start)
        queue.putBack(batch)
        #expect(contents(queue) == ["1: 0", "2: 0", "3: 0", "4: 0", "5: 0"])
    }
}

extension [PendingJob] {
    /// The jobs of all coupons but this one.
    fileprivate func without(_ coupon: CouponName) -> [PendingJob] { filter { $0.coupon != coupon } }
}
