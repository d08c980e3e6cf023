import Claims
import Testing

@testable import ClaimWorker

@Suite struct LockRetryQueueTests {
    private let start = ContinuousClock.now
    private let wait = Duration.milliseconds(500)
    private let sale = CouponName.made("SALE")
    private let gift = CouponName.made("GIFT")

    private func queue(retries: Int = 3) -> LockRetryQueue {
        LockRetryQueue(LockSettings(ttl: .seconds(20), wait: wait, retries: retries))
    }

    private func jobs(_ tags: UInt64..., of coupon: CouponName) -> [PendingJob] {
        tags.map { PendingJob(job: .made($0, coupon: coupon.description)) }
    }

    private func tags(_ jobs: [PendingJob]) -> [UInt64] { jobs.map(\.job.tag) }
    private func tags(_ jobs: [Job]) -> [UInt64] { jobs.map(\.tag) }

    @Test func anEmptyQueueHasNothingDue() {
        var queue = queue()
        #expect(queue.count == 0)
        #expect(queue.nextDue == nil)
        #expect(queue.takeDue(now: start, atMost: 10).isEmpty)
    }

    // MARK: Retries

    @Test func aHeldLockIsRetriedAfterTheWait() {
        var queue = queue()
        #expect(queue.postpone(jobs(1, 2, of: sale), of: sale, now: start).isEmpty)
        #expect(queue.count == 2)
        #expect(queue.nextDue == start + wait)
        #expect(queue.takeDue(now: start + wait - .milliseconds(1), atMost: 10).isEmpty)
        let due = queue.takeDue(now: start + wait, atMost: 10)
        #expect(tags(due) == [1, 2])
        #expect(due.map(\.coupon) == [sale, sale])
        #expect(due.map(\.lockTries) == [1, 1])
        #expect(queue.count == 0)
    }

    @Test func theAttemptFailsWithTheLastRetry() {
        var queue = queue(retries: 3)
        var now = start
        var waiting = jobs(1, of: sale)
        for _ in 0..<3 {
            #expect(queue.postpone(waiting, of: sale, now: now).isEmpty)
            now += wait
            waiting = queue.takeDue(now: now, atMost: 10)
        }
        #expect(waiting.map(\.lockTries) == [3])
        #expect(tags(queue.postpone(waiting, of: sale, now: now)) == [1])
        #expect(queue.count == 0)
        #expect(queue.nextDue == nil)
    }

    @Test func withoutRetriesAHeldLockFailsAtOnce() {
        var queue = queue(retries: 0)
        #expect(tags(queue.postpone(jobs(1, 2, of: sale), of: sale, now: start)) == [1, 2])
    }

    @Test func eachCouponHasItsOwnDueTime() {
        var queue = queue()
        _ = queue.postpone(jobs(1, of: sale), of: sale, now: start)
        _ = queue.postpone(jobs(2, of: gift), of: gift, now: start + .milliseconds(100))
        #expect(queue.nextDue == start + wait)
        #expect(tags(queue.takeDue(now: start + wait, atMost: 10)) == [1])
        #expect(queue.nextDue == start + wait + .milliseconds(100))
        #expect(tags(queue.takeDue(now: start + wait + .milliseconds(100), atMost: 10)) == [2])
    }

    // MARK: Order

    @Test func laterJobsOfTheCouponQueueUpBehind() {
        var queue = queue()
        _ = queue.postpone(jobs(1, of: sale), of: sale, now: start)
        #expect(queue.join(.made(5)) == true)
        #expect(queue.join(.made(6)) == true)
        #expect(tags(queue.takeDue(now: start + wait, atMost: 10)) == [1, 5, 6])
    }

    @Test func jobsOfACouponThatDoesNotWaitAreNotQueued() {
        var queue = queue()
        _ = queue.postpone(jobs(1, of: sale), of: sale, now: start)
        #expect(queue.join(.made(2, coupon: "GIFT")) == false)
        _ = queue.takeDue(now: start + wait, atMost: 10)
        #expect(queue.join(.made(3)) == false)
    }

    @Test func anUnreadableMessageIsNotQueued() {
        var queue = queue()
        _ = queue.postpone(jobs(1, of: sale), of: sale, now: start)
        #expect(queue.join(.made(2, body: "nonsense")) == false)
    }

    @Test func aJobThatJoinsLaterFailsLater() {
        var queue = queue(retries: 1)
        _ = queue.postpone(jobs(1, of: sale), of: sale, now: start)
        _ = queue.join(.made(2))
        let due = queue.takeDue(now: start + wait, atMost: 10)
        #expect(tags(queue.postpone(due, of: sale, now: start + wait)) == [1])
        #expect(tags(queue.takeDue(now: start + wait * 2, atMost: 10)) == [2])
    }

    @Test func jobsBeyondTheLimitKeepTheirPlace() {
        var queue = queue()
        _ = queue.postpone(jobs(1, 2, 3, of: sale), of: sale, now: start)
        #expect(tags(queue.takeDue(now: start + wait, atMost: 2)) == [1, 2])
        #expect(queue.join(.made(4)) == true)
        #expect(tags(queue.takeDue(now: start + wait, atMost: 10)) == [3, 4])
    }

    @Test func aJobThatIsPostponedAgainPrecedesThoseThatStayed() {
        var queue = queue(retries: 5)
        _ = queue.postpone(jobs(1, 2, 3, of: sale), of: sale, now: start)
        let due = queue.takeDue(now: start + wait, atMost: 2)
        #expect(queue.postpone(due, of: sale, now: start + wait).isEmpty)
        let all = queue.takeDue(now: start + wait * 2, atMost: 10)
        #expect(tags(all) == [1, 2, 3])
        #expect(all.map(\.lockTries) == [2, 2, 2], "the try counts for all jobs of the coupon")
    }
}
