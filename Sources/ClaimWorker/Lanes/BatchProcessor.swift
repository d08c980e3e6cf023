import Claims
import Dispatch
import Logging
import Metrics
import Postgres
import Redis
import RuntimeSupport

/// What is done with one batch after the other: lock, decide, announce, unlock.
struct BatchProcessor {
    /// What became of a batch's jobs.
    struct Outcome {
        /// Jobs that are through.
        var decided: [Job] = []
        /// Jobs whose attempt failed: a copy of each has to go on before it is acknowledged.
        var failedJobs: [FailedJob] = []
    }

    private let stores: LaneStores
    private let settings: WorkerSettings
    private let workerID: String
    private let lane: Int
    private let logger: Logger
    private let locks: CouponLocks
    private let decider: Decider
    private let poisonMessages: PoisonMessageDetector
    private let metrics = WorkerMetrics()
    private var throughput = LaneThroughput()

    init(stores: LaneStores, settings: WorkerSettings, workerID: String, lane: Int, logger: Logger) {
        self.stores = stores
        self.settings = settings
        self.workerID = workerID
        self.lane = lane
        self.logger = logger
        locks = CouponLocks(stores: stores, settings: settings.lock, workerID: workerID, lane: lane)
        decider = Decider(stores: stores)
        poisonMessages = PoisonMessageDetector(stores: stores)
    }

    /// Works on a batch.
    ///
    /// - Parameter retryQueue: where jobs go whose coupon is locked by somebody else.
    /// - Throws: ``Outage``; the whole batch can be run again.
    mutating func run(_ tickets: [PendingJob], retryQueue: inout LockRetryQueue) throws(Outage) -> Outcome {
        let start = ContinuousClock.now
        var failed: [(job: Job, code: String, message: String)] = []

        // A lone suspect leaves a mark first, which stays if it takes the worker with it.
        let suspect = tickets.count == 1 && tickets[0].job.returns >= PoisonMessageDetector.suspiciousReturns ? tickets[0].job : nil
        if let suspect, try poisonMessages.mark(suspect) >= PoisonMessageDetector.maximumStrikes {
            failed.append((suspect, PoisonMessageDetector.code, "its worker died each time it was worked on alone"))
            return try finish(failed: failed, decided: [], locked: [])
        }

        for ticket in tickets where ticket.coupon == nil {
            if case .failure(let error) = ticket.job.content {
                failed.append((ticket.job, "unreadable", error.detail))
            }
        }
        let (locked, refused) = try lock(tickets, retryQueue: &retryQueue)
        failed += refused.map {
            ($0, "lock_held", "the coupon's lock was held through \(settings.lock.retries) retries")
        }

        var decided: [(job: Job, claim: Claim?)] = []
        var new: [Claim] = []
        let ready = locked.compactMap { ticket in ticket.job.claim.map { (job: ticket.job, claim: $0) } }
        let verdicts = try decider.decide(ready.map { ($0.claim, $0.job.attempt) })
        if !ready.isEmpty { throughput.decided(ready.count, from: start, to: .now) }
        for ((job, message), verdict) in zip(ready, verdicts) {
            switch verdict {
            case .decided(let claim, let wasDecidedBefore):
                decided.append((job, claim))
                if wasDecidedBefore { noteRepeat(of: claim, by: message) } else { new.append(claim) }
            case .void:
                decided.append((job, nil))
                logger.warning("cancel of a claim that was never decided", metadata: ["claim.id": "\(message.id)"])
            case .failed(let code, let text):
                failed.append((job, code, text))
            }
        }
        let outcome = try finish(
            failed: failed, decided: decided, locked: Set(locked.compactMap(\.coupon)))
        if let suspect { try poisonMessages.clear(suspect) }
        if !ready.isEmpty { metrics.batch(ready.count) }
        metrics.decided(new)
        return outcome
    }

    /// Takes the coupons' locks; who gets none goes to the waiting retryQueue, or has failed with that.
    private func lock(
        _ tickets: [PendingJob], retryQueue: inout LockRetryQueue
    ) throws(Outage) -> (locked: [PendingJob], refused: [Job]) {
        var refused: [Job] = []
        var coupons: [CouponName] = []
        var byCoupon: [CouponName: [PendingJob]] = [:]
        for ticket in tickets {
            guard let coupon = ticket.coupon else { continue }
            if byCoupon[coupon] == nil { coupons.append(coupon) }
            byCoupon[coupon, default: []].append(ticket)
        }
        let (acquired, workers) = coupons.isEmpty ? ([], []) : try locks.acquire(coupons)
        let now = ContinuousClock.now
        for coupon in coupons where !acquired.contains(coupon) {
            metrics.lockWaits.increment()
            refused += retryQueue.refused(
                byCoupon[coupon] ?? [], of: coupon, byWorker: workers.contains(coupon), now: now)
        }
        refused += retryQueue.evict(above: settings.prefetch * 3 / 4)
        return (tickets.filter { ticket in ticket.coupon.map(acquired.contains) ?? false }, refused)
    }

    /// Stores the results, tells who waits for them, and gives the locks back.
    private func finish(
        failed: [(job: Job, code: String, message: String)], decided: [(job: Job, claim: Claim?)],
        locked: Set<CouponName>
    ) throws(Outage) -> Outcome {
        let now = Timestamp.now()
        let failedJobs = failed.map { job, code, message in
            FailedJob(job, code: code, message: message, worker: workerID, at: now, schedule: settings.retries)
        }
        let pending = failedJobs.filter { !$0.isDeadLettered }.compactMap(\.claim)
        let dead = try recordDeadLettered(failedJobs.filter(\.isDeadLettered).compactMap(\.claim))
        let changed = decided.compactMap(\.claim) + pending + dead
        var commands = changed.flatMap(ClaimCache.store)
        if !changed.isEmpty { commands.append(ClaimCache.announce(changed.map(\.id))) }
        commands += advance(past: decided.map(\.job) + failedJobs.map(\.job), now: now)
        if !locked.isEmpty { commands.append(locks.release(locked)) }
        if !commands.isEmpty {
            try stores.redis { redis throws(RedisError) in _ = try redis.pipeline(commands) }
        }
        for failedJob in failedJobs { note(failedJob) }
        return Outcome(decided: decided.map(\.job), failedJobs: failedJobs)
    }

    /// Takes claims out of the line of those that wait, and tells how far the lane has come.
    private func advance(past jobs: [Job], now: Timestamp) -> [RedisCommand] {
        let claims = jobs.filter { !$0.isCancel }
        let ids = claims.compactMap { $0.claim?.id ?? $0.message.properties.messageID.flatMap(ClaimID.init) }
        guard !ids.isEmpty else { return [] }
        // What comes from a delay queue stood in no line, and says nothing of how far the others have come.
        let accepted = claims.compactMap { $0.attempt == 1 ? $0.claim?.createdAt : nil }
        return [LaneQueue.leave(ids, lane: lane)]
            + LaneQueue.advance(lane: lane, accepted: accepted, rate: throughput.perSecond, now: now)
    }

    /// Records dead-lettered claims; a claim that turns out to be decided keeps its outcome.
    private func recordDeadLettered(_ claims: [Claim]) throws(Outage) -> [Claim] {
        guard !claims.isEmpty else { return [] }
        switch try stores.postgres({ connection throws(PostgresError) in try ClaimStore(connection).recordDeadLettered(claims) }) {
        case .success(let recorded):
            return recorded
        case .failure(let error):
            // What keeps a claim from being decided may keep it from being recorded too. It still goes to the queue.
            if claims.count > 1 {
                var recorded: [Claim] = []
                for claim in claims { recorded += try recordDeadLettered([claim]) }
                return recorded
            }
            logger.error(
                "a dead-lettered claim could not be recorded",
                metadata: ["claim.id": "\(claims[0].id)", "error": "\(error)"])
            return claims
        }
    }

    private func noteRepeat(of claim: Claim, by message: ClaimMessage) {
        metrics.repeats.increment()
        if message.action == .cancel, claim.status != .cancelled {
            logger.warning(
                "cancel of a claim that holds nothing",
                metadata: ["claim.id": "\(claim.id)", "claim.status": "\(claim.status.rawValue)"])
        }
        guard claim.couponName != message.couponName else { return }
        logger.notice(
            "idempotency key reused with another body; the second is not carried out",
            metadata: ["claim.id": "\(claim.id)", "coupon.name": "\(message.couponName)"])
    }

    private func note(_ failedJob: FailedJob) {
        let failure = failedJob.failure
        logger.warning(
            failedJob.isDeadLettered
                ? "\(failedJob.job.isCancel ? "cancel" : "claim") dead-lettered" : "attempt failed, to be retried",
            metadata: [
                "claim.id": "\(failedJob.job.message.properties.messageID ?? "-")", "attempt": "\(failure.attempt)",
                "reason": "\(failure.code)", "error": "\(failure.message)",
            ])
        metrics.failedJob(failedJob)
    }
}
