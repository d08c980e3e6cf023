import Broker
import Claims
import Logging
import RuntimeSupport

/// Publishes the copies of failed jobs to a delay queue or to the dead-letter queue, and separates claims of one message.
///
/// It has its own connection, made when it is first needed, and waits for nothing but that connection. A job is
/// acknowledged after its copy was confirmed; until then the broker keeps the original message.
final class RetryPublisher {
    /// A message that replaces the message of a job.
    private struct Copy {
        let job: Job
        let message: OutgoingMessage
    }

    private static let confirmTimeout = Duration.seconds(5)

    private let address: BrokerAddress
    private let settings: WorkerSettings
    private let lane: Int
    private let logger: Logger
    private var publisher: ConfirmedPublisher<Copy>?
    private var outbox: [Copy] = []
    private var backoff = Backoff()
    private var nextTry = ContinuousClock.now

    init(to address: BrokerAddress, settings: WorkerSettings, lane: Int, logger: Logger) {
        self.address = address
        self.settings = settings
        self.lane = lane
        self.logger = logger
    }

    /// The number of copies that are unconfirmed, or follow an unconfirmed one.
    var pending: Int { outbox.count + (publisher?.unconfirmed ?? 0) }

    /// The socket to watch for confirms; nil if none is awaited.
    var socket: Int32? {
        guard let publisher, publisher.unconfirmed > 0 else { return nil }
        return publisher.socket
    }

    /// Adds jobs whose copies have to be published.
    func add(_ failedJobs: [FailedJob]) {
        outbox += failedJobs.map { Copy(job: $0.job, message: $0.copy(lane: lane)) }
    }

    /// Adds jobs that become messages of their own, at the end of the lane.
    func addSeparated(_ jobs: [Job]) {
        outbox += jobs.map { job in
            let message = OutgoingMessage(
                job.message.withoutBrokerHeaders, exchange: Topology.workExchange,
                routingKey: Topology.routingKey(lane: lane))
            return Copy(job: job, message: message)
        }
    }

    /// Publishes copies and receives confirms, without waiting for them. Reconnects with a backoff.
    ///
    /// - Returns: the jobs whose copies are confirmed.
    func work() -> [Job] {
        guard pending > 0 || publisher != nil else { return [] }
        let now = ContinuousClock.now
        do throws(BrokerError) {
            guard let publisher = try connected(now: now) else { return [] }
            if publisher.blockedReason == nil, now >= nextTry { try publishAll(on: publisher) }
            return try receive(from: publisher, now: now)
        } catch {
            // Some of the unconfirmed copies may have arrived. A claim that arrives twice is decided once.
            outbox = (publisher?.abandon() ?? []) + outbox
            publisher = nil
            let pause = backoff.next()
            nextTry = now + pause
            logger.warning(
                "publishing of retries and dead letters failed, retrying",
                metadata: ["error": "\(error)", "waiting": "\(pending)", "retry.in": "\(pause)"])
            return []
        }
    }

    private func connected(now: ContinuousClock.Instant) throws(BrokerError) -> ConfirmedPublisher<Copy>? {
        if let publisher { return publisher }
        guard now >= nextTry else { return nil }
        let new = try ConfirmedPublisher<Copy>(
            anyOf: [address], heartbeat: settings.heartbeat,
            name: "ClaimWorker \(settings.name) lane \(lane) retries", confirmTimeout: Self.confirmTimeout)
        publisher = new
        return new
    }

    private func publishAll(on publisher: ConfirmedPublisher<Copy>) throws(BrokerError) {
        let copies = outbox.map { (message: $0.message, waiter: $0) }
        // From here on the publisher has them, also if publishing fails.
        outbox.removeAll()
        try publisher.publish(copies)
    }

    private func receive(
        from publisher: ConfirmedPublisher<Copy>, now: ContinuousClock.Instant
    ) throws(BrokerError) -> [Job] {
        let wasBlocked = publisher.blockedReason != nil
        let outcomes = try publisher.receive()
        if let reason = publisher.blockedReason, !wasBlocked {
            logger.warning("retries and dead letters blocked by the broker", metadata: ["error": "\(reason)"])
        }
        let confirmed = outcomes.filter { $0.outcome == .confirmed }.map(\.waiter.job)
        if !confirmed.isEmpty { backoff.reset() }
        let rejected = outcomes.filter { $0.outcome != .confirmed }
        if !rejected.isEmpty {
            outbox += rejected.map(\.waiter)
            nextTry = now + backoff.next()
        }
        if let first = rejected.first {
            let id = first.waiter.message.message.properties.messageID ?? "-"
            logger.error(
                "copies rejected by the broker, retrying",
                metadata: ["count": "\(rejected.count)", "claim.id": "\(id)", "error": "\(first.outcome)"])
        }
        return confirmed
    }
}
