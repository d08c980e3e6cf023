import Claims
import OrderedCollections
import RuntimeSupport

/// All jobs that a lane has received and not finished: new deliveries, and jobs that wait for a coupon's lock.
///
/// Pure. A batch is taken from it. Jobs whose lock is held are postponed; after an outage the whole batch is put back,
/// and the queue is as it was before, apart from jobs that arrived during the batch.
struct JobQueue {
    /// Jobs that are taken together, and what is needed to put them back.
    struct Batch {
        /// In the order in which they have to be decided.
        let jobs: [PendingJob]
        /// Everything that was removed from the deliveries, including jobs that joined others in the lock retry queue.
        fileprivate let deliveries: [Job]
        /// The lock retry queue before the batch was taken.
        fileprivate let lockRetries: LockRetryQueue

        /// Whether the batch consists of jobs of one suspicious message.
        var isSuspicious: Bool { jobs.first?.job.isSuspicious == true }
    }

    private var deliveries = DeliveryBuffer()
    private var lockRetries: LockRetryQueue

    init(lock: LockSettings) {
        lockRetries = LockRetryQueue(lock)
    }

    /// Whether the lane holds no message that it has not begun.
    var isEmpty: Bool { lockRetries.count == 0 && deliveries.isEmpty }

    /// When the oldest of the claims at the front was accepted; nil if none waits.
    var oldestAcceptance: Timestamp? {
        ([deliveries.first] + lockRetries.firsts).compactMap { $0?.claim?.createdAt }.min()
    }

    /// Adds a delivery.
    mutating func receive(_ job: Job, now: ContinuousClock.Instant) {
        deliveries.receive(job, now: now)
    }

    /// The time at which more jobs can be taken without a new delivery; nil if there is none.
    var nextDue: ContinuousClock.Instant? {
        [lockRetries.nextDue, deliveries.gatheringEnd].compactMap(\.self).min()
    }

    /// Takes the next batch: first the jobs whose lock is to be tried again, since they are older, then deliveries.
    ///
    /// Deliveries of a coupon that waits for its lock join that queue instead, so that they keep their order. While a
    /// suspicious message is among the next jobs, the jobs of one message are taken at a time.
    mutating func take(atMost limit: Int, now: ContinuousClock.Instant) -> Batch {
        deliveries.sortReturned(now: now)
        let lockRetriesBefore = lockRetries
        let retryLimit = lockRetries.isSuspicious(now: now, within: limit) ? 1 : limit
        let takesOneMessage = deliveries.isSuspicious(within: limit)
        var jobs = lockRetries.takeDue(now: now, atMost: retryLimit)
        var taken: [Job] = []
        while jobs.count < (takesOneMessage ? 1 : retryLimit) {
            let next = takesOneMessage ? deliveries.takeMessage() : deliveries.take(atMost: retryLimit - jobs.count)
            if next.isEmpty { break }
            taken += next
            jobs += next.filter { !lockRetries.join($0) }.map { PendingJob(job: $0) }
        }
        return Batch(jobs: jobs, deliveries: taken, lockRetries: lockRetriesBefore)
    }

    /// Postpones jobs whose coupon is locked, in Redis or in PostgreSQL. Unreadable ones among them are ignored.
    ///
    /// - Returns: the jobs whose attempt has failed: their last retry of the lock is used up.
    mutating func postpone(_ jobs: [PendingJob], now: ContinuousClock.Instant) -> [Job] {
        var waiting: OrderedDictionary<CouponName, [PendingJob]> = [:]
        for job in jobs {
            if let coupon = job.coupon { waiting[coupon, default: []].append(job) }
        }
        return waiting.flatMap { coupon, jobs in lockRetries.postpone(jobs, of: coupon, now: now) }
    }

    /// Undoes ``take(atMost:now:)`` and ``postpone(_:now:)`` for a batch that an outage interrupted.
    mutating func putBack(_ batch: Batch) {
        lockRetries = batch.lockRetries
        deliveries.putBack(batch.deliveries)
    }
}
