import Logging
import ServiceLifecycle
import Synchronization

/// The first step of a graceful shutdown: the API is no longer ready, and still serves requests for some time.
///
/// In this time a load balancer finds out that it has to send requests to another process. Each response closes its
/// connection, so that no client uses one that the server is about to close.
final class Drain: Service {
    private let time: Duration
    private let logger: Logger
    private let hasBegun = Atomic(false)
    private let isServing = Atomic(false)

    /// - Parameter time: zero to stop at once.
    init(for time: Duration, logger: Logger) {
        self.time = time
        self.logger = logger
    }

    /// Whether the shutdown has begun.
    var isActive: Bool { hasBegun.load(ordering: .relaxed) }

    /// Records that the server accepts connections. Without a server there is nothing to wait for.
    func serverStarted() { isServing.store(true, ordering: .relaxed) }

    /// Waits for the graceful shutdown, and then until the time is up.
    func run() async throws {
        try? await gracefulShutdown()
        hasBegun.store(true, ordering: .relaxed)
        guard time > .zero, isServing.load(ordering: .relaxed) else { return }
        logger.info("draining", metadata: ["drain.seconds": "\(time / .seconds(1))"])
        try? await Task.sleep(for: time)
    }
}
