import Claims
import OrderedCollections

/// Where claims of a coupon wait while somebody else holds its lock, so that the rest of the lane goes on.
///
/// Pure. Claims of that coupon that come meanwhile queue up behind, so their order stays.
struct LockRetryQueue {
    private struct Entry {
        var job: Job
        /// How often the lock was tried for it.
        var tries: Int
    }

    private struct Queue {
        var entries: [Entry] = []
        var due: ContinuousClock.Instant
        /// Whether a worker holds the lock: it gives it back soon, or it is dead and the lock will be taken over.
        var isWorkers = false
    }

    private var queues: OrderedDictionary<CouponName, Queue> = [:]
    private let settings: LockSettings

    init(_ settings: LockSettings) {
        self.settings = settings
    }

    /// How many jobs wait.
    var count: Int { queues.values.reduce(0) { $0 + $1.entries.count } }

    /// When the next lock is to be tried again; nil if nobody waits.
    var nextDue: ContinuousClock.Instant? { queues.values.map(\.due).min() }

    /// Keeps a job back if others of its coupon wait already.
    ///
    /// - Returns: whether it was kept.
    mutating func join(_ job: Job, of coupon: CouponName) -> Bool {
        guard queues[coupon] != nil else { return false }
        queues[coupon]?.entries.append(Entry(job: job, tries: 0))
        return true
    }

    /// Lets out the first jobs of each coupon whose lock is to be tried again. Those left over stay first in line.
    mutating func takeDue(now: ContinuousClock.Instant, atMost limit: Int) -> [PendingJob] {
        var taken: [PendingJob] = []
        for coupon in queues.keys where taken.count < limit {
            guard let queue = queues[coupon], queue.due <= now else { continue }
            let count = min(limit - taken.count, queue.entries.count)
            taken += queue.entries.prefix(count).map {
                PendingJob(job: $0.job, coupon: coupon, tries: $0.tries, isFromRetryQueue: true)
            }
            queues[coupon]?.entries.removeFirst(count)
            if queues[coupon]?.entries.isEmpty == true { queues[coupon] = nil }
        }
        return taken
    }

    /// Takes jobs back that it let out and that could not be worked on, in front of those that stayed.
    mutating func putBack(_ tickets: [PendingJob], now: ContinuousClock.Instant) {
        for ticket in tickets.reversed() {
            guard let coupon = ticket.coupon else { continue }
            queues[coupon, default: Queue(due: now)].entries.insert(Entry(job: ticket.job, tries: ticket.tries), at: 0)
        }
    }

    /// Takes in jobs of a coupon whose lock was held, in front of those that queue already.
    ///
    /// - Parameter byWorker: whether a worker holds it, and no stranger.
    /// - Returns: the jobs whose attempt has failed with this.
    mutating func refused(
        _ tickets: [PendingJob], of coupon: CouponName, byWorker: Bool = false, now: ContinuousClock.Instant
    ) -> [Job] {
        var queue = queues[coupon] ?? Queue(due: now)
        // The try was everybody's who waits for this lock, also of those that did not fit into the batch.
        let all =
            tickets.map { Entry(job: $0.job, tries: $0.tries + 1) }
            + queue.entries.map { Entry(job: $0.job, tries: $0.tries + 1) }
        queue.entries = all.filter { $0.tries <= settings.retries }
        queue.due = now + settings.wait
        queue.isWorkers = byWorker
        queues[coupon] = queue.entries.isEmpty ? nil : queue
        return all.filter { $0.tries > settings.retries }.map(\.job)
    }

    /// Ends the waiting of the longest queue when the room takes up what the lane needs for everybody else.
    ///
    /// Those that wait for a worker's lock stay: a dead one's costs no attempt, and neither takes long.
    /// - Returns: the jobs whose attempt has failed with this.
    mutating func evict(above limit: Int) -> [Job] {
        let strangers = queues.filter { !$0.value.isWorkers }
        guard count > limit, let longest = strangers.max(by: { $0.value.entries.count < $1.value.entries.count }) else {
            return []
        }
        queues[longest.key] = nil
        return longest.value.entries.map(\.job)
    }

    /// Lets everybody out, in order.
    mutating func empty() -> [Job] {
        defer { queues.removeAll() }
        return queues.values.flatMap { $0.entries.map(\.job) }.sorted { $0.tag < $1.tag }
    }

    /// A job on its way to the lock.
    struct PendingJob {
        var job: Job
        /// Nil for what could not be read.
        var coupon: CouponName?
        var tries: Int
        /// Whether it waited here, and not in the intake.
        var isFromRetryQueue = false
    }
}
