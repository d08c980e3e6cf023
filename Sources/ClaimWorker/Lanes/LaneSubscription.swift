import Broker
import Claims
import Logging
import OrderedCollections
import RuntimeSupport
import Telemetry
import Tracing

/// One subscription of a lane, from subscribing until the connection is lost, the lane steps back or the worker stops.
///
/// Owns every message that the lane holds.
final class LaneSubscription {
    private let control: LaneControl
    private let workerID: String
    private let settings: WorkerSettings
    private let logger: Logger
    private let stores: StoreConnections
    private let health: StoreHealth
    private let consumer: LaneConsumer
    private let tracing: BatchTracing?
    private var queue: JobQueue
    private let poisonMessages: PoisonMessageDetector
    private let couponLocks: CouponLocks
    private let decider: Decider
    private var throughput = LaneThroughput()
    private let results: ResultPublisher
    private let reporter: BatchReporter
    private let retryPublisher: RetryPublisher
    /// When the present outage interrupted the first batch, and the waits between its retries; nil without an outage.
    private var outage: (since: ContinuousClock.Instant, backoff: Backoff)?
    /// An error of the broker connection during a statement; thrown after the batch.
    private var connectionError: BrokerError?

    /// Connects and subscribes.
    ///
    /// - Throws: ``BrokerError``.
    init(
        to address: BrokerAddress, control: LaneControl, workerID: String, settings: WorkerSettings,
        stores: StoreConnections, health: StoreHealth, tracing: BatchTracing?, logger: Logger
    ) throws(BrokerError) {
        let lane = control.lane
        self.control = control
        self.workerID = workerID
        self.settings = settings
        self.logger = logger
        self.stores = stores
        self.health = health
        self.tracing = tracing
        queue = JobQueue(lock: settings.lock)
        poisonMessages = PoisonMessageDetector(stores: stores)
        couponLocks = CouponLocks(stores: stores, settings: settings.lock, workerID: workerID, lane: lane)
        decider = Decider(stores: stores, tracing: tracing)
        results = ResultPublisher(stores: stores, lane: lane, logger: logger)
        reporter = BatchReporter(isTraced: tracing != nil, logger: logger)
        retryPublisher = RetryPublisher(to: address, settings: settings, lane: lane, logger: logger)
        consumer = try LaneConsumer(to: address, lane: lane, settings: settings)
        control.subscribed()
        stores.whileWaiting = { [unowned self] in keepAlive() }
    }

    /// Runs batches until the worker stops or the lane has to step back.
    ///
    /// - Throws: ``BrokerError`` when the broker connection is lost; ``Outage`` when a store is unavailable for longer
    ///   than the lane may keep its messages.
    func serve() throws {
        defer {
            stores.whileWaiting = {}
            health.recovered(lane: control.lane)
            control.held = LaneControl.Held()
        }
        while !control.stop.isRequested, !control.mustStepBack {
            control.watch.beat()
            try receive()
            control.held = LaneControl.Held(claims: consumer.unacknowledged, oldest: queue.oldestAcceptance)
            try leaveDuringOutage()
            try runBatch()
        }
        try finishPublishing()
    }

    /// Closes the connection. The unacknowledged messages return to the queue, for the next subscriber.
    func close() {
        consumer.close()
    }

    // MARK: One batch

    /// Takes what is there, up to a batch, locks its coupons, decides it in one transaction, publishes the results,
    /// releases the locks and acknowledges the messages. Waits if there is nothing to take.
    ///
    /// After an outage at any step the whole batch is put back. It can be run again: a decided claim stays decided.
    private func runBatch() throws {
        let start = ContinuousClock.now
        guard canTakeMore else { return idle(atMost: .seconds(1)) }
        let batch = queue.take(atMost: settings.batch, now: start)
        guard let first = batch.jobs.first?.job else { return idle(until: queue.nextDue) }
        if first.mustBeSeparated { return retryPublisher.addSeparated(batch.jobs.map(\.job)) }
        guard let span = tracing?.startBatch(batch.jobs.map(\.job), lane: control.lane) else {
            return try run(batch, since: start)
        }
        defer { span.end() }
        try span.whileActive { try run(batch, since: start) }
    }

    private func run(_ batch: JobQueue.Batch, since start: ContinuousClock.Instant) throws {
        do {
            var outcome = BatchOutcome(worker: workerID, schedule: settings.retries)
            outcome.failUnreadable(batch.jobs)

            let locks = try couponLocks.acquire(for: batch.jobs)
            let (locked, refused) = batch.jobs.split { $0.coupon.map(locks.contains) ?? false }
            outcome.fail(
                queue.postpone(refused, now: .now), .lockHeld,
                "the coupon's lock was held through \(settings.lock.retries) retries")

            let attempts = locked.compactMap(\.job.claimAttempt)
            let verdicts =
                batch.isSuspicious ? try decideSuspicious(locked.map(\.job), attempts) : try decider.decide(attempts)
            outcome.add(verdicts, of: locked.map(\.job))
            reporter.count(outcome)
            let rowLocked = zip(locked, verdicts).filter { $0.1 == .couponLocked }.map(\.0)
            outcome.fail(
                queue.postpone(rowLocked, now: .now), .databaseTimeout,
                "the coupon's row was locked by another session through \(settings.lock.retries) retries")
            throughput.decided(locked.count, from: start, to: .now)

            try results.publish(outcome, rate: throughput.perSecond, releasing: couponLocks.release())
            couponLocks.released()
            try poisonMessages.clearStrikes()
            reporter.report(outcome, size: locked.count)
            if outage != nil { endOutage() }

            if let connectionError { throw connectionError }
            try consumer.acknowledge(outcome.decisions.map(\.job))
            retryPublisher.add(outcome.failures)
            try consumer.acknowledge(retryPublisher.work())
        } catch let error as Outage {
            queue.putBack(batch)
            couponLocks.releaseInterrupted(by: error)
            poisonMessages.withdrawStrikes()
            try wait(after: error)
        }
    }

    /// Decides jobs of one suspicious message: together, or one at a time if a worker has died while processing them.
    ///
    /// Jobs that are postponed get no strike, and keep those that they have.
    private func decideSuspicious(_ jobs: [Job], _ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        if jobs.count != 1, try poisonMessages.strike(jobs) == 0 { return try decider.decide(attempts) }
        var verdicts: [Verdict] = []
        for (job, attempt) in zip(jobs, attempts) {
            try poisonMessages.clearStrikes()
            if try poisonMessages.strike([job]) < PoisonMessageDetector.maximumStrikes {
                verdicts += try decider.decide([attempt])
            } else {
                verdicts.append(
                    .failed(.deliveryLimit, message: "every worker that processed this message alone died"))
            }
        }
        return verdicts
    }

    /// Whether the lane may take more messages. A message stays unacknowledged until the copies of its claims are
    /// confirmed. Every copy may be of another message, and with too many of them the prefetch leaves no room for others.
    private var canTakeMore: Bool { retryPublisher.pending < max(1, Int(settings.messagePrefetch) / 2) }

    // MARK: Outages

    /// Waits before the interrupted batch is run again. The lane keeps its messages, and no attempt is counted.
    ///
    /// The wait grows until a batch succeeds: a store may pass the probe and still refuse the batch.
    private func wait(after error: Outage) throws(BrokerError) {
        health.failed(lane: control.lane, error)
        var current = outage ?? (since: .now, backoff: Backoff())
        let end = ContinuousClock.now + current.backoff.next()
        outage = current
        while !control.stop.isRequested, !control.mustStepBack, ContinuousClock.now < end {
            control.watch.beat()
            consumer.wait(orSignal: control.stop.wake, atMost: end - .now)
            try receive()
        }
    }

    private func endOutage() {
        outage = nil
        health.recovered(lane: control.lane)
    }

    /// Leaves the lane to a worker that can reach the stores.
    ///
    /// A lane without messages leaves earlier: otherwise it would receive those that another worker returns, and each
    /// return counts towards the broker's delivery limit.
    ///
    /// - Throws: ``Outage``.
    private func leaveDuringOutage() throws(Outage) {
        let patience = settings.outagePatience
        if queue.isEmpty, retryPublisher.pending == 0, let error = health.outage(longerThan: patience / 2) {
            throw error
        }
        if let outage, ContinuousClock.now - outage.since > patience, let error = health.outage(longerThan: patience) {
            logger.warning(
                "store still unavailable, lane returned its messages to the queue", metadata: ["error": "\(error)"])
            throw error
        }
    }

    // MARK: Broker

    /// Takes in what the broker has sent on both connections.
    private func receive() throws(BrokerError) {
        if let connectionError { throw connectionError }
        for job in try consumer.receive() { queue.receive(job, now: .now) }
        try consumer.acknowledge(retryPublisher.work())
    }

    /// Takes in what the broker has sent during a statement, so that heartbeats are answered.
    private func keepAlive() {
        control.watch.beat()
        do throws(BrokerError) {
            try receive()
        } catch {
            connectionError = error
        }
    }

    /// Gives unconfirmed copies a moment to be confirmed. The message of a copy that is not is delivered again, which is
    /// harmless.
    private func finishPublishing() throws(BrokerError) {
        let end = ContinuousClock.now + .seconds(2)
        while retryPublisher.pending > 0, ContinuousClock.now < end {
            idle(atMost: .milliseconds(100))
            try receive()
        }
    }

    // MARK: Waiting

    private func idle(until due: ContinuousClock.Instant?) {
        idle(atMost: due.map { max(.zero, $0 - .now) } ?? .seconds(1))
    }

    /// Waits for a delivery, a confirm or a request to the lane.
    private func idle(atMost time: Duration) {
        consumer.wait(orSignal: control.stop.wake, orSocket: retryPublisher.socket, atMost: time)
    }
}

extension [PendingJob] {
    /// Splits the jobs into those that satisfy the condition and the others.
    fileprivate func split(_ condition: (PendingJob) -> Bool) -> (those: [PendingJob], others: [PendingJob]) {
        (filter(condition), filter { !condition($0) })
    }
}
