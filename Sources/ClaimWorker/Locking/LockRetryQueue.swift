import Claims
import OrderedCollections

/// A job on its way to its coupon's lock.
struct PendingJob {
    var job: Job
    /// How often the lock was tried for this job and found held.
    var lockTries = 0

    /// Nil for an unreadable message, which needs no lock and has no order.
    var coupon: CouponName? { job.claim?.couponName }
}

/// A queue of jobs whose coupon's lock is held, so that the jobs of other coupons can go on.
///
/// Pure. Later jobs of such a coupon queue up behind, so a coupon's jobs keep their order.
struct LockRetryQueue {
    private struct Queue {
        var jobs: [PendingJob] = []
        var due: ContinuousClock.Instant
    }

    private var queues: OrderedDictionary<CouponName, Queue> = [:]
    private let settings: LockSettings

    init(_ settings: LockSettings) {
        self.settings = settings
    }

    /// The number of jobs that wait.
    var count: Int { queues.values.reduce(0) { $0 + $1.jobs.count } }

    /// The first job of each coupon.
    var firsts: [Job] { queues.values.compactMap(\.jobs.first?.job) }

    /// The time of the next retry; nil if no job waits.
    var nextDue: ContinuousClock.Instant? { queues.values.map(\.due).min() }

    /// Adds a job if others of its coupon wait already.
    ///
    /// - Returns: whether it was added.
    mutating func join(_ job: Job) -> Bool {
        guard let coupon = job.claim?.couponName, queues[coupon] != nil else { return false }
        queues[coupon]?.jobs.append(PendingJob(job: job))
        return true
    }

    /// Removes the first jobs of each coupon whose retry is due. The jobs beyond the limit keep their place.
    mutating func takeDue(now: ContinuousClock.Instant, atMost limit: Int) -> [PendingJob] {
        var taken: [PendingJob] = []
        for coupon in queues.keys where taken.count < limit {
            guard let queue = queues[coupon], queue.due <= now else { continue }
            let count = min(limit - taken.count, queue.jobs.count)
            taken += queue.jobs.prefix(count)
            queues[coupon]?.jobs.removeFirst(count)
            if queues[coupon]?.jobs.isEmpty == true { queues[coupon] = nil }
        }
        return taken
    }

    /// Whether a suspicious job is among the next ones that are due.
    func isSuspicious(now: ContinuousClock.Instant, within limit: Int) -> Bool {
        let due = queues.values.lazy.filter { $0.due <= now }.flatMap(\.jobs)
        return due.prefix(limit).contains { $0.job.isSuspicious }
    }

    /// Adds jobs of a coupon whose lock is held, in front of those that wait already.
    ///
    /// - Returns: the jobs whose attempt has failed: this was their last try.
    mutating func postpone(
        _ jobs: [PendingJob], of coupon: CouponName, now: ContinuousClock.Instant
    ) -> [Job] {
        var queue = queues[coupon] ?? Queue(due: now)
        // The try counts for all jobs that wait for this lock, including those that did not fit into the batch.
        let all = (jobs + queue.jobs).map { PendingJob(job: $0.job, lockTries: $0.lockTries + 1) }
        queue.jobs = all.filter { $0.lockTries <= settings.retries }
        queue.due = now + settings.wait
        queues[coupon] = queue.jobs.isEmpty ? nil : queue
        return all.filter { $0.lockTries > settings.retries }.map(\.job)
    }
}
