import Broker
import Claims
import Logging
import Metrics
import Postgres
import Redis
import RuntimeSupport
import ServiceLifecycle

/// Records the claims that the broker itself dead-letters, at its delivery limit.
///
/// The broker routes each such message to the dead-letter queue, and a copy to the queue that is consumed here. The claims
/// of a message with several are put into the dead-letter queue one by one, so that each can be replayed or discarded.
final class BrokerDeadLetterRecorder: Service {
    private static let channel: UInt16 = 1

    private let settings: WorkerSettings
    private let logger: Logger
    private let stop = StopSignal()

    init(_ settings: WorkerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func run() async throws {
        await BlockingThread.run(name: "dead-letters", until: stop) { self.work() }
    }

    private var connectionName: String { "ClaimWorker \(settings.name) dead letters" }

    private func work() {
        var tries = 0
        stop.retrying { connected in
            let address = settings.stores.brokers[tries % settings.stores.brokers.count]
            tries += 1
            let connection = try AMQPConnection(address, heartbeat: settings.heartbeat, name: connectionName)
            try connection.openChannel(Self.channel)
            try Topology(lanes: settings.stores.lanes, retries: settings.retries.delays.count)
                .declare(on: connection, channel: Self.channel)
            try connection.consume(Topology.brokerDeadLetterQueue, prefetch: 100, channel: Self.channel)
            connected()
            try serve(connection)
            connection.close()
        } onFailure: { error, _ in
            logger.warning("no broker connection for dead letters, retrying", metadata: ["error": "\(error)"])
        }
    }

    private func serve(_ connection: AMQPConnection) throws {
        let stores = StoreConnections(settings.stores, name: connectionName)
        var waiting: [(tag: UInt64, jobs: [Job])] = []
        // The message whose claims are in the dead-letter queue one by one, and that is not recorded yet.
        var separated: UInt64?
        var backoff = Backoff()
        while !stop.isRequested {
            while let event = try connection.nextEvent() {
                switch event {
                case .delivered(let delivery, _):
                    waiting.append((tag: delivery.tag, jobs: Job.all(in: delivery)))
                case .consumerCancelled: throw BrokerError(.refused(code: 0), "the broker cancelled the subscription")
                case .confirmed, .refused, .returned, .blocked, .unblocked: break
                }
            }
            guard let (tag, jobs) = waiting.first else {
                connection.wait(orSignal: stop.wake, atMost: .seconds(1))
                continue
            }
            // One message at a time, so that an error or the death of the worker repeats only this one.
            if jobs.count > 1, separated != tag {
                try separate(jobs)
                separated = tag
            }
            do throws(Outage) {
                for job in jobs { try record(job, in: stores) }
            } catch {
                // The message stays unacknowledged, and heartbeats go on, until the store is back.
                connection.wait(orSignal: stop.wake, atMost: backoff.next())
                continue
            }
            backoff.reset()
            try connection.acknowledge(tag, multiple: false, channel: Self.channel)
            waiting.removeFirst()
        }
    }

    /// Puts each claim of a message into the dead-letter queue. After an error it may be there already; a replay merges
    /// the messages of a claim.
    private func separate(_ jobs: [Job]) throws(BrokerError) {
        let publisher = try ConfirmedPublisher<Int>(
            anyOf: settings.stores.brokers, heartbeat: settings.heartbeat, name: connectionName,
            confirmTimeout: .seconds(5))
        defer { publisher.close() }
        let copies = jobs.map { job in
            let failure = FailedAttempt(
                attempt: job.attempt, at: .now(), worker: settings.name, code: reason(of: job),
                message: "the broker dead-lettered a message with \(jobs.count) claims, this one among them")
            let message = job.message.recording(failure).deadLettered(reason: failure.code, at: failure.at)
            return OutgoingMessage(message, exchange: "", routingKey: Topology.deadQueue)
        }
        guard try publisher.deliver(copies).count == copies.count else {
            throw BrokerError(.refused(code: 0), "the broker did not take all claims of a dead-lettered message")
        }
    }

    private func reason(of job: Job) -> String {
        job.message.brokerDeadLetterReason ?? FailureCode.deliveryLimit.rawValue
    }

    private func record(_ job: Job, in stores: StoreConnections) throws(Outage) {
        let reason = reason(of: job)
        guard let id = job.claimID else {
            return logger.error("broker dead-lettered a message without a claim id", metadata: ["reason": "\(reason)"])
        }
        if job.isCancel {
            // The claim keeps its state. The dead-letter queue shows that a cancel was lost.
            logger.warning("broker dead-lettered a cancel", metadata: ["claim.id": "\(id)", "reason": "\(reason)"])
        } else {
            var claim = job.claim?.pendingClaim ?? Claim(id: id)
            claim.status = .deadLettered
            claim.reason = reason
            claim.attempts = job.attempt
            guard try record(claim, in: stores) else { return }
            logger.warning("broker dead-lettered a claim", metadata: ["claim.id": "\(id)", "reason": "\(reason)"])
        }
        Counter(label: "claims.dead_letters", dimensions: [("reason", reason)]).increment()
    }

    /// Stores a dead-lettered claim and publishes its state.
    ///
    /// - Returns: false if PostgreSQL refuses the claim. It would refuse it again, and the message is in the dead-letter
    ///   queue anyway.
    private func record(_ claim: Claim, in stores: StoreConnections) throws(Outage) -> Bool {
        switch try stores.postgres({ connection throws(PostgresError) in
            try ClaimStore(connection).recordDeadLettered([claim])
        }) {
        case .success(let recorded):
            try stores.send(ClaimCache.publish(recorded.map { ClaimState($0) }))
            return true
        case .failure(let error):
            logger.error(
                "dead-lettered claim not recorded", metadata: ["claim.id": "\(claim.id)", "error": "\(error)"])
            return false
        }
    }
}
