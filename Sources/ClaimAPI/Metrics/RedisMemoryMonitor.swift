import Logging
import Metrics
import Redis
import ServiceLifecycle

/// Observes how full Redis is: an evicted key is an idempotency key that is forgotten before its 24 hours are over.
struct RedisMemoryMonitor: Service {
    let redis: RedisClient
    let logger: Logger
    /// The time between two checks.
    static let interval = Duration.seconds(10)

    private let used = Gauge(label: "claims.redis.memory.used.bytes")
    private let limit = Gauge(label: "claims.redis.memory.limit.bytes")
    private let evictedKeys = Gauge(label: "claims.redis.evicted.keys")

    init(redis: RedisClient, logger: Logger) {
        self.redis = redis
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last: RedisMemory?
            var hasWarned = false
            while !Task.isCancelled {
                // Without an answer there is nothing to report; the client logs a lost connection.
                if let memory = (try? await redis.send(RedisMemory.lookUp)) ?? nil {
                    record(memory)
                    let warning = memory.warning(since: last)
                    if let warning, !hasWarned { warn(warning, memory) }
                    // The warning is repeated only after there was room in between.
                    hasWarned = warning != nil || hasWarned && memory.fill >= RedisMemory.highFill
                    last = memory
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    private func record(_ memory: RedisMemory) {
        used.record(memory.used)
        limit.record(memory.limit)
        evictedKeys.record(memory.evictedKeys)
    }

    private func warn(_ warning: String, _ memory: RedisMemory) {
        logger.warning(
            "\(warning)",
            metadata: [
                "redis.memory.used": "\(memory.used)", "redis.memory.limit": "\(memory.limit)",
                "redis.policy": "\(memory.policy)", "redis.evicted": "\(memory.evictedKeys)",
            ])
    }
}
