import Broker
import Claims
import Logging
import OrderedCollections
import RuntimeSupport

/// A lane's time with one subscription to its queue: from the first delivery until it is lost, left or told to stop.
final class LaneSubscription {
    private static let consuming: UInt16 = 1

    private let control: LaneControl
    private let settings: WorkerSettings
    private let stores: LaneStores
    private let logger: Logger
    private let connection: AMQPConnection
    private var processor: BatchProcessor
    private var deliveries = DeliveryBuffer()
    private var retryQueue: LockRetryQueue
    private var acks = AckLedger()
    private let retryPublisher: RetryPublisher
    /// What happened to the connection while something else was being waited for.
    private var connectionError: BrokerError?

    /// Connects and subscribes.
    init(
        to address: BrokerAddress, control: LaneControl, workerID: String, settings: WorkerSettings,
        stores: LaneStores, logger: Logger
    ) throws {
        self.control = control
        self.settings = settings
        self.stores = stores
        self.logger = logger
        retryQueue = LockRetryQueue(settings.lock)
        retryPublisher = RetryPublisher(to: address, settings: settings, lane: control.lane, logger: logger)
        connection = try AMQPConnection(
            address, heartbeat: settings.heartbeat, name: "ClaimWorker \(settings.name) lane \(control.lane)")
        processor = BatchProcessor(stores: stores, settings: settings, workerID: workerID, lane: control.lane, logger: logger)
        try connection.openChannel(Self.consuming)
        try Topology(lanes: settings.stores.lanes, retries: settings.retries.delays.count)
            .declare(on: connection, channel: Self.consuming)
        try connection.consume(
            Topology.workQueue(lane: control.lane), prefetch: UInt16(settings.prefetch), channel: Self.consuming)
        control.subscribed()
        stores.whileWaiting = { [unowned self] in keepAlive() }
    }

    /// Works until told to stop or to step back.
    ///
    /// - Throws: ``BrokerError`` when the broker is lost; ``Outage`` when a store stays away for long.
    func serve() throws {
        defer { stores.whileWaiting = {} }
        while !control.isStopping, !control.mustStepBack {
            try receive()
            let now = ContinuousClock.now
            deliveries.sortReturned(now: now)
            let tickets = nextBatch(now: now)
            if tickets.isEmpty { idle(now: now) } else { try runBatch(tickets) }
        }
        try finishPublishing()
    }

    /// Ends the subscription. What was not acknowledged goes back to the queue, for the next in line.
    func close() {
        connection.close()
    }

    // MARK: One turn

    /// The claims to work on now: those whose lock is due again first, since they came first.
    private func nextBatch(now: ContinuousClock.Instant) -> [PendingJob] {
        // Copies that can't go on keep their messages in hand; with too many of them there is no retryQueue for others.
        guard retryPublisher.pending < settings.prefetch / 2 else { return [] }
        let isSuspicious = deliveries.isSuspicious(within: settings.batch)
        var tickets = retryQueue.takeDue(now: now, atMost: settings.batch)
        let limit = isSuspicious ? 1 : settings.batch
        while tickets.count < limit {
            let jobs = deliveries.take(atMost: limit - tickets.count)
            if jobs.isEmpty { break }
            for job in jobs {
                // What can't be read has no coupon, no lock and no order.
                let coupon = job.claim?.couponName
                if let coupon, retryQueue.join(job, of: coupon) { continue }
                tickets.append(PendingJob(job: job, coupon: coupon, tries: 0))
            }
        }
        return tickets
    }

    private func runBatch(_ tickets: [PendingJob]) throws {
        let retryQueueBefore = retryQueue
        do {
            let result = try processor.run(tickets, retryQueue: &retryQueue)
            if let connectionError { throw connectionError }
            try acknowledge(result.decided)
            retryPublisher.add(result.failedJobs)
            try acknowledge(retryPublisher.work())
        } catch let outage as Outage {
            // Whoever went to the retryQueue or was turned away in this turn stands where it stood before.
            retryQueue = retryQueueBefore
            retryQueue.putBack(tickets.filter(\.isFromRetryQueue), now: .now)
            deliveries.putBack(tickets.filter { !$0.isFromRetryQueue }.map(\.job))
            try waitForStores(outage)
        }
    }

    private func acknowledge(_ jobs: [Job]) throws(BrokerError) {
        for ack in acks.acknowledge(jobs.map(\.tag)) {
            try connection.acknowledge(ack.tag, multiple: ack.multiple, channel: Self.consuming)
        }
    }

    /// Gives the copies that are under way a moment to be confirmed; what is not comes again, and does no harm.
    private func finishPublishing() throws(BrokerError) {
        let end = ContinuousClock.now + .seconds(2)
        while retryPublisher.pending > 0, ContinuousClock.now < end {
            connection.wait(
                orSignal: control.wake, orSockets: retryPublisher.socket.map { [$0] } ?? [], atMost: .milliseconds(100))
            try receive()
        }
    }

    // MARK: Hearing the broker

    /// Takes in all that the broker has sent.
    private func receive() throws(BrokerError) {
        if let connectionError { throw connectionError }
        while let event = try connection.nextEvent() {
            switch event {
            case .delivered(let delivery, _):
                acks.delivered(delivery.tag)
                deliveries.receive(Job(delivery), now: .now)
            case .consumerCancelled:
                throw BrokerError(.refused(code: 0), "the broker cancelled the subscription")
            case .confirmed, .refused, .returned, .blocked, .unblocked:
                // Nothing is published on this connection.
                break
            }
        }
        try acknowledge(retryPublisher.work())
    }

    /// Hears the broker in the middle of something that must not be broken off.
    private func keepAlive() {
        do throws(BrokerError) {
            try receive()
        } catch {
            connectionError = error
        }
    }

    // MARK: Waiting

    private func idle(now: ContinuousClock.Instant) {
        let due = [retryQueue.nextDue, deliveries.gatheringEnd].compactMap(\.self).min()
        connection.wait(
            orSignal: control.wake, orSockets: retryPublisher.socket.map { [$0] } ?? [],
            atMost: due.map { max(.zero, $0 - now) } ?? .seconds(1))
    }

    /// Waits until the stores are back, with all messages in hand: nothing is lost, and no retry is used up.
    private func waitForStores(_ outage: Outage) throws {
        logger.warning("store away, waiting", metadata: ["error": "\(outage)"])
        let end = ContinuousClock.now + settings.outagePatience
        var backoff = Backoff()
        while !control.isStopping {
            connection.wait(orSignal: control.wake, atMost: backoff.next())
            try receive()
            do throws(Outage) {
                try stores.check()
                return logger.info("store is back")
            } catch {
                if ContinuousClock.now > end { throw error }
            }
        }
    }
}
