import Broker
import Claims
import Logging
import OrderedCollections
import RuntimeSupport

/// Puts the copies of failed claims where they have to go: into a delay queue or the dead-letter queue.
///
/// It has a connection of its own, made when it is first needed: a broker with a memory alarm stops reading from every
/// connection that publishes, acknowledgements included. Nobody waits for it either. A claim's own message is
/// acknowledged when its copy was confirmed, and until then the broker has it.
final class RetryPublisher {
    private static let channel: UInt16 = 1
    private static let confirmTime = Duration.seconds(5)

    private let address: BrokerAddress
    private let settings: WorkerSettings
    private let lane: Int
    private let logger: Logger
    private var connection: AMQPConnection?
    private var outbox: [FailedJob] = []
    private var ledger = ConfirmLedger<FailedJob>()
    private var isBlocked = false
    private var backoff = Backoff()
    private var nextTry = ContinuousClock.now
    private var sequence = PublishSequence()

    init(to address: BrokerAddress, settings: WorkerSettings, lane: Int, logger: Logger) {
        self.address = address
        self.settings = settings
        self.lane = lane
        self.logger = logger
    }

    /// How many copies are not confirmed yet.
    var pending: Int { outbox.count + ledger.count }

    /// The socket to watch; nil while nothing is awaited from it.
    var socket: Int32? { ledger.count > 0 ? connection?.socket : nil }

    /// Takes in claims whose copies have to go on.
    func add(_ failedJobs: [FailedJob]) {
        outbox += failedJobs
    }

    /// Sends what can be sent and hears what was confirmed. Waits for nothing but a connection.
    ///
    /// - Returns: the jobs whose copies the broker has.
    func work() -> [Job] {
        guard pending > 0 || connection != nil else { return [] }
        let now = ContinuousClock.now
        do throws(BrokerError) {
            guard let connection = try standingConnection(now: now) else { return [] }
            if !isBlocked { try send(on: connection, now: now) }
            let resolved = try receive(connection)
            if !isBlocked, let deadline = ledger.firstDeadline, deadline <= now {
                throw BrokerError(.timeout, "no publisher confirm within \(Self.confirmTime)")
            }
            return resolved
        } catch {
            logger.warning(
                "retries and dead letters wait for the broker",
                metadata: ["error": "\(error)", "waiting": "\(pending)"])
            connection = nil
            isBlocked = false
            // Some of these may have arrived; a copy that comes twice is decided once.
            outbox = ledger.reset() + outbox
            nextTry = now + backoff.next()
            return []
        }
    }

    private func standingConnection(now: ContinuousClock.Instant) throws(BrokerError) -> AMQPConnection? {
        if let connection { return connection }
        guard now >= nextTry else { return nil }
        let new = try AMQPConnection(
            address, heartbeat: settings.heartbeat, name: "ClaimWorker \(settings.name) lane \(lane) retries")
        try new.openChannel(Self.channel)
        try new.selectConfirms(channel: Self.channel)
        backoff.reset()
        connection = new
        return new
    }

    private func send(on connection: AMQPConnection, now: ContinuousClock.Instant) throws(BrokerError) {
        let failedJobs = outbox
        for failedJob in failedJobs {
            var (message, exchange, routingKey) = failedJob.copy(lane: lane)
            message.properties.headers[ClaimHeaders.sequence] = .int64(sequence.next())
            _ = ledger.publish(
                messageID: message.properties.messageID, deadline: now + Self.confirmTime, waiter: failedJob)
            outbox.removeFirst()
            try connection.publish(message, exchange: exchange, routingKey: routingKey, channel: Self.channel)
        }
    }

    private func receive(_ connection: AMQPConnection) throws(BrokerError) -> [Job] {
        var resolved: [Job] = []
        while let event = try connection.nextEvent() {
            switch event {
            case .confirmed(let tag, let multiple):
                for (failedJob, outcome) in ledger.resolve(tag: tag, multiple: multiple, confirmed: true) {
                    if outcome == .confirmed { resolved.append(failedJob.job) } else { outbox.append(failedJob) }
                }
            case .refused(let tag, let multiple):
                outbox += ledger.resolve(tag: tag, multiple: multiple, confirmed: false).map(\.waiter)
            case .returned(let messageID, let reason):
                logger.error("message returned", metadata: ["claim.id": "\(messageID ?? "-")", "error": "\(reason)"])
                ledger.returned(messageID: messageID)
            case .blocked(let reason):
                logger.warning("retries and dead letters are blocked", metadata: ["error": "\(reason)"])
                isBlocked = true
            case .unblocked:
                isBlocked = false
            case .delivered, .consumerCancelled:
                break
            }
        }
        return resolved
    }
}
