import Claims
import Testing

@testable import ClaimWorker

@Suite struct LockRetryQueueTests {
    private typealias PendingJob = PendingJob
    private let start = ContinuousClock.now
    private let wait = Duration.milliseconds(500)
    private let sale = coupon("SALE")
    private let gift = coupon("GIFT")

    private static func coupon(_ name: String) -> CouponName {
        guard let coupon = CouponName(name) else { preconditionFailure("not a name: \(name)") }
        return coupon
    }

    private func room(retries: Int = 3) -> LockRetryQueue {
        LockRetryQueue(LockSettings(ttl: .seconds(20), wait: wait, retries: retries))
    }

    private func tickets(_ tags: UInt64..., of coupon: CouponName, tries: Int = 0) -> [PendingJob] {
        tags.map { PendingJob(job: .made($0, coupon: coupon.description), coupon: coupon, tries: tries) }
    }

    private func tags(_ tickets: [PendingJob]) -> [UInt64] { tickets.map(\.job.tag) }
    private func tags(_ jobs: [Job]) -> [UInt64] { jobs.map(\.tag) }

    @Test func anEmptyRoomAwaitsNothing() {
        var room = room()
        #expect(room.count == 0)
        #expect(room.nextDue == nil)
        #expect(room.takeDue(now: start, atMost: 10).isEmpty)
    }

    @Test func whoIsPutBackStandsInFrontAndHasUsedUpNoTry() {
        var room = room()
        _ = room.refused(tickets(1, 2, 3, of: sale), of: sale, now: start)
        let due = room.takeDue(now: start + wait, atMost: 2)
        #expect(due.map(\.isFromRetryQueue) == [true, true])
        room.putBack(due, now: start + wait)
        let again = room.takeDue(now: start + wait, atMost: 10)
        #expect(tags(again) == [1, 2, 3])
        #expect(again.map(\.tries) == [1, 1, 1])
    }

    @Test func aHeldLockIsTriedAgainAfterTheWait() {
        var room = room()
        #expect(room.refused(tickets(1, 2, of: sale), of: sale, now: start).isEmpty)
        #expect(room.count == 2)
        #expect(room.nextDue == start + wait)
        #expect(room.takeDue(now: start + wait - .milliseconds(1), atMost: 10).isEmpty)
        let due = room.takeDue(now: start + wait, atMost: 10)
        #expect(tags(due) == [1, 2])
        #expect(due.map(\.coupon) == [sale, sale])
        #expect(due.map(\.tries) == [1, 1])
        #expect(room.count == 0)
    }

    @Test func theAttemptFailsWhenTheLastRetryDoes() {
        var room = room(retries: 3)
        var now = start
        var waiting = tickets(1, of: sale)
        for _ in 0..<3 {
            #expect(room.refused(waiting, of: sale, now: now).isEmpty)
            now += wait
            waiting = room.takeDue(now: now, atMost: 10)
        }
        #expect(waiting.map(\.tries) == [3])
        #expect(tags(room.refused(waiting, of: sale, now: now)) == [1])
        #expect(room.count == 0)
        #expect(room.nextDue == nil)
    }

    @Test func withoutRetriesAHeldLockFailsAtOnce() {
        var room = room(retries: 0)
        #expect(tags(room.refused(tickets(1, 2, of: sale), of: sale, now: start)) == [1, 2])
    }

    @Test func laterClaimsOfTheCouponQueueUpBehind() {
        var room = room()
        _ = room.refused(tickets(1, of: sale), of: sale, now: start)
        #expect(room.join(.made(5), of: sale) == true)
        #expect(room.join(.made(6), of: sale) == true)
        #expect(tags(room.takeDue(now: start + wait, atMost: 10)) == [1, 5, 6])
    }

    @Test func claimsOfACouponThatNobodyWaitsForGoBy() {
        var room = room()
        _ = room.refused(tickets(1, of: sale), of: sale, now: start)
        #expect(room.join(.made(2, coupon: "GIFT"), of: gift) == false)
        _ = room.takeDue(now: start + wait, atMost: 10)
        #expect(room.join(.made(3), of: sale) == false)
    }

    @Test func whoJoinedLaterFailsLater() {
        var room = room(retries: 1)
        _ = room.refused(tickets(1, of: sale), of: sale, now: start)
        _ = room.join(.made(2), of: sale)
        let due = room.takeDue(now: start + wait, atMost: 10)
        #expect(tags(room.refused(due, of: sale, now: start + wait)) == [1])
        #expect(tags(room.takeDue(now: start + wait * 2, atMost: 10)) == [2])
    }

    @Test func thoseThatDoNotFitIntoABatchStayFirstInLine() {
        var room = room()
        _ = room.refused(tickets(1, 2, 3, of: sale), of: sale, now: start)
        #expect(tags(room.takeDue(now: start + wait, atMost: 2)) == [1, 2])
        #expect(room.join(.made(4), of: sale) == true)
        #expect(tags(room.takeDue(now: start + wait, atMost: 10)) == [3, 4])
    }

    @Test func whoIsRefusedAgainStandsBeforeThoseThatStayed() {
        var room = room(retries: 5)
        _ = room.refused(tickets(1, 2, 3, of: sale), of: sale, now: start)
        let due = room.takeDue(now: start + wait, atMost: 2)
        #expect(room.refused(due, of: sale, now: start + wait).isEmpty)
        let all = room.takeDue(now: start + wait * 2, atMost: 10)
        #expect(tags(all) == [1, 2, 3])
        #expect(all.map(\.tries) == [2, 2, 2], "the try was everybody's")
    }

    @Test func eachCouponHasItsOwnTime() {
        var room = room()
        _ = room.refused(tickets(1, of: sale), of: sale, now: start)
        _ = room.refused(tickets(2, of: gift), of: gift, now: start + .milliseconds(100))
        #expect(room.nextDue == start + wait)
        #expect(tags(room.takeDue(now: start + wait, atMost: 10)) == [1])
        #expect(room.nextDue == start + wait + .milliseconds(100))
        #expect(tags(room.takeDue(now: start + wait + .milliseconds(100), atMost: 10)) == [2])
    }

    @Test func aFullRoomEndsTheWaitingOfItsLongestQueue() {
        var room = room()
        _ = room.refused(tickets(1, 2, of: gift), of: gift, now: start)
        _ = room.refused(tickets(3, 4, 5, of: sale), of: sale, now: start)
        #expect(room.evict(above: 5).isEmpty)
        #expect(tags(room.evict(above: 4)) == [3, 4, 5])
        #expect(room.count == 2)
        #expect(room.join(.made(6), of: sale) == false)
    }

    /// A dead worker's lock is taken over soon, and must cost nobody an attempt.
    @Test func whoWaitsForAWorkersLockStaysInAFullRoom() {
        var room = room()
        _ = room.refused(tickets(1, 2, 3, of: sale), of: sale, byWorker: true, now: start)
        #expect(room.evict(above: 1).isEmpty)
        _ = room.refused(tickets(4, of: gift), of: gift, now: start)
        #expect(tags(room.evict(above: 1)) == [4])
        #expect(room.count == 3)
    }

    @Test func aLockThatAStrangerTookFromAWorkerIsAStrangers() {
        var room = room()
        _ = room.refused(tickets(1, 2, of: sale), of: sale, byWorker: true, now: start)
        let due = room.takeDue(now: start + wait, atMost: 1)
        _ = room.refused(due, of: sale, byWorker: false, now: start + wait)
        #expect(tags(room.evict(above: 1)) == [1, 2])
    }

    @Test func everybodyIsLetOutInOrder() {
        var room = room()
        _ = room.refused(tickets(2, 4, of: gift), of: gift, now: start)
        _ = room.refused(tickets(1, 3, of: sale), of: sale, now: start)
        #expect(tags(room.empty()) == [1, 2, 3, 4])
        #expect(room.count == 0)
    }
}
