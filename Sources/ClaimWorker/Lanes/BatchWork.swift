import Dispatch
import Logging
import Metrics
import Shared

/// What is done with one batch after the other: lock, decide, announce, unlock.
struct BatchWork {
    /// What became of a batch's jobs.
    struct Outcome {
        /// Jobs that are through.
        var decided: [Job] = []
        /// Jobs whose attempt failed: a copy of each has to go on before it is acknowledged.
        var setbacks: [Setback] = []
    }

    private let stores: LaneStores
    private let settings: WorkerSettings
    private let workerID: String
    private let lane: Int
    private let logger: Logger
    private let locks: CouponLocks
    private let decider: Decider
    private let suspects: Suspects
    private let metrics = WorkMetrics()
    private var pace = LanePace()

    init(stores: LaneStores, settings: WorkerSettings, workerID: String, lane: Int, logger: Logger) {
        self.stores = stores
        self.settings = settings
        self.workerID = workerID
        self.lane = lane
        self.logger = logger
        locks = CouponLocks(stores: stores, settings: settings.lock, workerID: workerID, lane: lane)
        decider = Decider(stores: stores)
        suspects = Suspects(stores: stores)
    }

    /// Works on a batch.
    ///
    /// - Parameter room: where jobs go whose coupon is locked by somebody else.
    /// - Throws: ``Outage``; the whole batch can be run again.
    mutating func run(_ tickets: [WaitingRoom.Ticket], room: inout WaitingRoom) throws(Outage) -> Outcome {
        let start = ContinuousClock.now
        var failed: [(job: Job, code: String, message: String)] = []

        // A lone suspect leaves a mark first, which stays if it takes the worker with it.
        let suspect = tickets.count == 1 && tickets[0].job.returns >= Suspects.returns ? tickets[0].job : nil
        if let suspect, try suspects.mark(suspect) >= Suspects.marks {
            failed.append((suspect, Suspects.code, "its worker died each time it was worked on alone"))
            return try finish(failed: failed, decided: [], locked: [])
        }

        for ticket in tickets where ticket.coupon == nil {
            if case .failure(let error) = ticket.job.content {
                failed.append((ticket.job, "unreadable", error.detail))
            }
        }
        let (locked, refused) = try lock(tickets, room: &room)
        failed += refused.map {
            ($0, "lock_held", "the coupon's lock was held through \(settings.lock.retries) retries")
        }

        var decided: [(job: Job, claim: Claim?)] = []
        var new: [Claim] = []
        let ready = locked.compactMap { ticket in ticket.job.claim.map { (job: ticket.job, claim: $0) } }
        let verdicts = try decider.decide(ready.map { ($0.claim, $0.job.attempt) })
        if !ready.isEmpty { pace.decided(ready.count, from: start, to: .now) }
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
        if let suspect { try suspects.clear(suspect) }
        if !ready.isEmpty { metrics.batch(ready.count) }
        metrics.decided(new)
        return outcome
    }

    /// Takes the coupons' locks; who gets none goes to the waiting room, or has failed with that.
    private func lock(
        _ tickets: [WaitingRoom.Ticket], room: inout WaitingRoom
    ) throws(Outage) -> (locked: [WaitingRoom.Ticket], refused: [Job]) {
        var refused: [Job] = []
        var coupons: [CouponName] = []
        var byCoupon: [CouponName: [WaitingRoom.Ticket]] = [:]
        for ticket in tickets {
            guard let coupon = ticket.coupon else { continue }
            if byCoupon[coupon] == nil { coupons.append(coupon) }
            byCoupon[coupon, default: []].append(ticket)
        }
        let (acquired, workers) = coupons.isEmpty ? ([], []) : try locks.acquire(coupons)
        let now = ContinuousClock.now
        for coupon in coupons where !acquired.contains(coupon) {
            metrics.lockWaits.increment()
            refused += room.refused(
                byCoupon[coupon] ?? [], of: coupon, byWorker: workers.contains(coupon), now: now)
        }
        refused += room.evict(above: settings.prefetch * 3 / 4)
        return (tickets.filter { ticket in ticket.coupon.map(acquired.contains) ?? false }, refused)
    }

    /// Stores the results, tells who waits for them, and gives the locks back.
    private func finish(
        failed: [(job: Job, code: String, message: String)], decided: [(job: Job, claim: Claim?)],
        locked: Set<CouponName>
    ) throws(Outage) -> Outcome {
        let now = Timestamp.now()
        let setbacks = failed.map { job, code, message in
            Setback(job, code: code, message: message, worker: workerID, at: now, schedule: settings.retries)
        }
        let pending = setbacks.filter { !$0.isFinal }.compactMap(\.claim)
        let dead = try bury(setbacks.filter(\.isFinal).compactMap(\.claim))
        let changed = decided.compactMap(\.claim) + pending + dead
        var commands = changed.flatMap(ClaimCache.settle)
        if !changed.isEmpty { commands.append(ClaimCache.announce(changed.map(\.id))) }
        commands += advance(past: decided.map(\.job) + setbacks.map(\.job), now: now)
        if !locked.isEmpty { commands.append(locks.release(locked)) }
        if !commands.isEmpty {
            try stores.redis { redis throws(RedisError) in _ = try redis.pipeline(commands) }
        }
        for setback in setbacks { note(setback) }
        return Outcome(decided: decided.map(\.job), setbacks: setbacks)
    }

    /// Takes claims out of the line of those that wait, and tells how far the lane has come.
    private func advance(past jobs: [Job], now: Timestamp) -> [RedisCommand] {
        let claims = jobs.filter { !$0.isCancel }
        let ids = claims.compactMap { $0.claim?.id ?? $0.message.properties.messageID.flatMap(ClaimID.init) }
        guard !ids.isEmpty else { return [] }
        // What comes from a delay queue stood in no line, and says nothing of how far the others have come.
        let accepted = claims.compactMap { $0.attempt == 1 ? $0.claim?.createdAt : nil }
        return [LaneLine.leave(ids, lane: lane)]
            + LaneLine.advance(lane: lane, accepted: accepted, rate: pace.perSecond, now: now)
    }

    /// Records dead-lettered claims; a claim that turns out to be decided keeps its outcome.
    private func bury(_ claims: [Claim]) throws(Outage) -> [Claim] {
        guard !claims.isEmpty else { return [] }
        switch try stores.postgres({ connection throws(PostgresError) in try ClaimStore(connection).bury(claims) }) {
        case .success(let buried):
            return buried
        case .failure(let error):
            // What keeps a claim from being decided may keep it from being buried too. It still goes to the queue.
            if claims.count > 1 {
                var buried: [Claim] = []
                for claim in claims { buried += try bury([claim]) }
                return buried
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

    private func note(_ setback: Setback) {
        let failure = setback.failure
        logger.warning(
            setback.isFinal
                ? "\(setback.job.isCancel ? "cancel" : "claim") dead-lettered" : "attempt failed, to be retried",
            metadata: [
                "claim.id": "\(setback.job.message.properties.messageID ?? "-")", "attempt": "\(failure.attempt)",
                "reason": "\(failure.code)", "error": "\(failure.message)",
            ])
        metrics.setback(setback)
    }
}
