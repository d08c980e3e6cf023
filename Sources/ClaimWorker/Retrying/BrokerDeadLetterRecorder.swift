import Broker
import Claims
import Logging
import Metrics
import OrderedCollections
import Postgres
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Records the claims that the broker itself dead-lettered, since it tells only the dead-letter queue.
///
/// Each such message comes here as a copy; the original lies in the dead-letter queue.
final class BrokerDeadLetterRecorder: Service {
    private let settings: WorkerSettings
    private let logger: Logger
    private let isStopping = Mutex(false)
    private let wake = WakeSignal()

    init(_ settings: WorkerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await BlockingThread.run(name: "obituaries") { self.work() }
        } onGracefulShutdown: {
            self.isStopping.withLock { $0 = true }
            self.wake.raise()
        }
    }

    private var isEnding: Bool { isStopping.withLock { $0 } }

    private func work() {
        var backoff = Backoff()
        var turn = 0
        while !isEnding {
            let address = settings.stores.brokers[turn % settings.stores.brokers.count]
            turn += 1
            do {
                let connection = try AMQPConnection(
                    address, heartbeat: settings.heartbeat, name: "ClaimWorker \(settings.name) obituaries")
                try connection.openChannel(1)
                try Topology(lanes: settings.stores.lanes, retries: settings.retries.delays.count)
                    .declare(on: connection, channel: 1)
                try connection.consume(Topology.obituaryQueue, prefetch: 100, channel: 1)
                backoff.reset()
                try serve(connection)
                connection.close()
            } catch {
                logger.debug("no obituaries", metadata: ["error": "\(error)"])
                if !isEnding { wake.wait(atMost: backoff.next()) }
            }
        }
    }

    private func serve(_ connection: AMQPConnection) throws {
        let stores = LaneStores(settings.stores, name: "ClaimWorker \(settings.name) obituaries")
        var waiting: [Delivery] = []
        var backoff = Backoff()
        while !isEnding {
            while let event = try connection.nextEvent() {
                if case .delivered(let delivery, _) = event { waiting.append(delivery) }
            }
            guard let delivery = waiting.first else {
                connection.wait(orSignal: wake, atMost: .seconds(1))
                continue
            }
            do throws(Outage) {
                try record(Job(delivery), in: stores)
            } catch {
                // The message stays in hand, and the broker is heard, until the store is back.
                connection.wait(orSignal: wake, atMost: backoff.next())
                continue
            }
            backoff.reset()
            try connection.acknowledge(delivery.tag, multiple: false, channel: 1)
            waiting.removeFirst()
        }
    }

    private func record(_ job: Job, in stores: LaneStores) throws(Outage) {
        let reason = job.message.brokersReason ?? PoisonMessageDetector.code
        guard let id = job.message.properties.messageID.flatMap(ClaimID.init) else {
            logger.error("the broker dead-lettered a message without a claim's id", metadata: ["reason": "\(reason)"])
            return
        }
        guard !job.isCancel else {
            // The claim stays what it is; the message says in the dead-letter queue that it was to be cancelled.
            logger.warning(
                "cancel dead-lettered by the broker", metadata: ["claim.id": "\(id)", "reason": "\(reason)"])
            Counter(label: "claims.dead_letters", dimensions: [("reason", reason)]).increment()
            return
        }
        var claim = job.claim?.pendingClaim ?? Claim(id: id)
        claim.status = .deadLettered
        claim.reason = reason
        claim.attempts = job.attempt
        let dead = claim
        let recorded: [Claim]
        switch try stores.postgres({ connection throws(PostgresError) in try ClaimStore(connection).recordDeadLettered([dead]) }) {
        case .success(let claims): recorded = claims
        case .failure(let error):
            // Tried again it would fail again. The message lies in the dead-letter queue all the same.
            logger.error(
                "a dead-lettered claim could not be recorded", metadata: ["claim.id": "\(id)", "error": "\(error)"])
            return
        }
        try stores.redis { redis throws(RedisError) in
            _ = try redis.pipeline(recorded.flatMap(ClaimCache.store) + [ClaimCache.announce(recorded.map(\.id))])
        }
        logger.warning("claim dead-lettered by the broker", metadata: ["claim.id": "\(id)", "reason": "\(reason)"])
        Counter(label: "claims.dead_letters", dimensions: [("reason", reason)]).increment()
    }
}
