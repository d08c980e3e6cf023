import Postgres
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Probes the stores on a thread of its own.
///
/// Lanes subscribe only while the stores take writes: each message that is delivered during an outage and returned raises
/// the broker's delivery count, and at the limit the broker dead-letters it.
///
/// It also ends a worker whose settings contradict the database. While PostgreSQL is away at the start, this is not known.
final class StoreMonitor: Service {
    let stores: @Sendable () -> StoreConnections
    let health: StoreHealth
    private let stop = StopSignal()
    /// Watches the thread. A probe of both stores takes up to 30 s if they do not answer.
    let watch = LoopWatch("store monitor", limit: .seconds(120))
    private let mismatch = Mutex<PostgresError?>(nil)
    /// The time between two probes while they succeed. Lanes that decide claims notice an outage at once.
    private static let interval = Duration.seconds(5)

    /// - Parameter stores: makes the connections that are probed.
    init(health: StoreHealth, stores: @escaping @Sendable () -> StoreConnections) {
        self.health = health
        self.stores = stores
    }

    /// Probes until the stop.
    ///
    /// - Throws: the ``PostgresError`` of a setting that contradicts the database.
    func run() async throws {
        await BlockingThread.run(name: "store-monitor", until: stop) { self.work(self.stores()) }
        if let mismatch = mismatch.withLock({ $0 }) { throw mismatch }
    }

    private func work(_ stores: StoreConnections) {
        var backoff = Backoff()
        defer { watch.end() }
        while !stop.isRequested {
            watch.beat()
            let outages = stores.probe()
            for case .postgres(let error) in outages where error.mismatch == .setting {
                return mismatch.withLock { $0 = error }
            }
            health.probed(outages)
            if outages.isEmpty { backoff.reset() }
            stop.wait(atMost: outages.isEmpty ? Self.interval : backoff.next())
        }
    }
}
