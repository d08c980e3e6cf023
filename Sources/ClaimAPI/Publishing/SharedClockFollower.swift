import Broker
import Claims
import Logging
import Redis
import RuntimeSupport
import ServiceLifecycle

/// Keeps the publishing sequence of this process on the clock of Redis, so that the sequences of several API processes
/// are comparable although their machines' clocks differ.
///
/// While Redis is unavailable, the last known difference applies.
struct SharedClockFollower: Service {
    let redis: RedisClient
    let logger: Logger

    /// The time between two readings. A clock that drifts by 100 ppm is 1 ms off after it.
    private static let interval = Duration.seconds(10)
    /// A reading with a larger possible error is repeated soon, in microseconds.
    private static let largestError: Int64 = 2000
    private static let readings = 5

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let isRead = await follow()
                try await Task.sleep(for: isRead ? Self.interval : .milliseconds(50))
            }
        }
    }

    /// Takes the best of several readings.
    ///
    /// - Returns: false if Redis is unavailable.
    private func follow() async -> Bool {
        var best: SharedClock?
        for _ in 0..<Self.readings {
            guard let clock = try? await SharedClock.read(from: redis) else { continue }
            if best.map({ clock.error < $0.error }) ?? true { best = clock }
            if clock.error <= Self.largestError { break }
        }
        guard let best else { return false }
        PublishSequence.followClock(aheadBy: best.offset)
        logger.debug("clock read", metadata: ["offset.us": "\(best.offset)", "error.us": "\(best.error)"])
        return true
    }
}
