import Broker
import Claims
import Logging
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Reads the depths of the queues once a second, as long as they are wanted, on a thread and a connection of its own.
final class QueueObserver: Service {
    private let addresses: [BrokerAddress]
    private let lanes: Int
    private let name: String
    private let logger: Logger
    private let latest = Mutex<QueueDepths?>(nil)
    private let isWanted = Atomic(false)
    private let stop = StopSignal()
    private static let interval = Duration.seconds(1)

    /// - Parameter name: names the connection in `rabbitmqctl list_connections`.
    init(_ stores: StoreSettings, name: String, logger: Logger) {
        addresses = stores.brokers
        lanes = stores.lanes
        self.name = name
        self.logger = logger
    }

    /// The depths that the broker reported last; nil before the first report. They stay while the broker is away.
    var depths: QueueDepths? { latest.withLock { $0 } }

    /// Begins or ends to read the depths. Without a reader there is no connection.
    func observe(_ wanted: Bool) {
        guard isWanted.exchange(wanted, ordering: .acquiringAndReleasing) != wanted else { return }
        stop.wake.raise()
    }

    func run() async throws {
        await BlockingThread.run(name: "queue-depths", until: stop) { self.work() }
    }

    private func work() {
        stop.retrying { connected in
            guard isWanted.load(ordering: .acquiring) else { return stop.wait(atMost: .seconds(60)) }
            let connection = try AMQPConnection(anyOf: addresses, heartbeat: 10, name: name)
            defer { connection.close() }
            var reader = try QueueDepthReader(lanes: lanes, connection)
            connected()
            while !stop.isRequested, isWanted.load(ordering: .acquiring) {
                let depths = try reader.read()
                latest.withLock { $0 = depths }
                stop.wait(atMost: Self.interval)
            }
        } onFailure: { error, pause in
            logger.debug("queue depths can't be read", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
        }
    }
}
