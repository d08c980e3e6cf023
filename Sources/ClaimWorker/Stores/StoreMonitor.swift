import RuntimeSupport
import ServiceLifecycle

/// Probes the stores on a thread of its own.
///
/// Lanes subscribe only while the stores take writes: each message that is delivered during an outage and returned raises
/// the broker's delivery count, and at the limit the broker dead-letters it.
struct StoreMonitor: Service {
    let stores: @Sendable () -> StoreConnections
    let health: StoreHealth
    private let stop = StopSignal()
    /// The time between two probes while they succeed. Lanes that decide claims notice an outage at once.
    private static let interval = Duration.seconds(5)

    init(health: StoreHealth, stores: @escaping @Sendable () -> StoreConnections) {
        self.health = health
        self.stores = stores
    }

    func run() async throws {
        await BlockingThread.run(name: "store-monitor", until: stop) { work(stores()) }
    }

    private func work(_ stores: StoreConnections) {
        var backoff = Backoff()
        while !stop.isRequested {
            do throws(Outage) {
                try stores.probe()
                health.probed(nil)
                backoff.reset()
                stop.wait(atMost: Self.interval)
            } catch {
                health.probed(error)
                stop.wait(atMost: backoff.next())
            }
        }
    }
}
