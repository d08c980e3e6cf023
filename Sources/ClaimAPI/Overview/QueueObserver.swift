import Broker
import Claims
import Logging
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Reads the depths of the queues once a second, as long as they are wanted, on a thread and a connection of its own.
final class QueueObserver: Service {
    private struct State {
        var latest: QueueDepths?
        var readAt: ContinuousClock.Instant?
        /// Whether the depths are wanted until further notice.
        var isWanted = false
        /// A single request wants the depths until then.
        var wantedUntil: ContinuousClock.Instant?
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        /// Numbers the requests that wait.
        var requests = 0
        var isRunning = false

        func wants(at now: ContinuousClock.Instant) -> Bool { isWanted || wantedUntil.map { now < $0 } ?? false }
    }

    private let addresses: [BrokerAddress]
    private let lanes: Int
    private let name: String
    private let logger: Logger
    private let state = Mutex(State())
    private let stop = StopSignal()
    private static let interval = Duration.seconds(1)
    /// Depths that are older are read again for a single request.
    private static let longestAge = Duration.seconds(2)
    /// After a single request, the connection stays open for further ones.
    private static let lease = Duration.seconds(10)

    /// - Parameter name: names the connection in `rabbitmqctl list_connections`.
    init(_ stores: StoreSettings, name: String, logger: Logger) {
        addresses = stores.brokers
        lanes = stores.lanes
        self.name = name
        self.logger = logger
    }

    /// The depths that the broker reported last; nil before the first report. They stay while the broker is away.
    var depths: QueueDepths? { state.withLock { $0.latest } }

    /// The depths, if the broker has reported them in the last seconds; nil while it is away.
    var recentDepths: QueueDepths? {
        state.withLock { state in
            guard let readAt = state.readAt, ContinuousClock.now - readAt < Self.longestAge else { return nil }
            return state.latest
        }
    }

    /// Begins or ends to read the depths. Without a reader there is no connection.
    func observe(_ wanted: Bool) {
        let wasWanted = state.withLock { state in
            defer { state.isWanted = wanted }
            return state.isWanted
        }
        if wasWanted != wanted { stop.wake.raise() }
    }

    /// Waits until the depths are up to date, or one attempt to read them has failed, for at most `time`. Returns at once
    /// unless ``run()`` runs.
    func refresh(atMost time: Duration) async {
        let request = state.withLock { state in
            state.requests += 1
            return state.requests
        }
        let timeout = Task {
            try await Task.sleep(for: time)
            state.withLock { $0.waiting.removeValue(forKey: request) }?.resume()
        }
        await withCheckedContinuation { caller in
            let waits = state.withLock { state in
                let now = ContinuousClock.now
                let isNew = state.readAt.map { now - $0 < Self.longestAge } ?? false
                guard !isNew, state.isRunning else { return false }
                state.wantedUntil = now + Self.lease
                state.waiting[request] = caller
                return true
            }
            if waits { stop.wake.raise() } else { caller.resume() }
        }
        timeout.cancel()
    }

    func run() async throws {
        state.withLock { $0.isRunning = true }
        await BlockingThread.run(name: "queue-depths", until: stop) { self.work() }
        state.withLock { $0.isRunning = false }
        resumeWaiting()
    }

    private var isWanted: Bool { state.withLock { $0.wants(at: .now) } }

    private func resumeWaiting() {
        let waiting = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for caller in waiting { caller.resume() }
    }

    private func work() {
        stop.retrying { connected in
            guard isWanted else { return stop.wait(atMost: .seconds(60)) }
            let connection = try AMQPConnection(anyOf: addresses, heartbeat: 10, name: name)
            defer { connection.close() }
            var reader = try QueueDepthReader(lanes: lanes, connection)
            connected()
            while !stop.isRequested, isWanted {
                let depths = try reader.read()
                state.withLock { state in
                    state.latest = depths
                    state.readAt = .now
                }
                resumeWaiting()
                stop.wait(atMost: Self.interval)
            }
        } onFailure: { error, pause in
            logger.debug("queue depths can't be read", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
            resumeWaiting()
        }
    }
}
