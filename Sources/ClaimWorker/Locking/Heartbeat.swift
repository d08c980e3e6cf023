import Claims
import Logging
import Metrics
import Observability
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Shows the worker's sign of life, sees who else lives, and spreads the lanes among all.
final class Heartbeat: Service {
    private let id: String
    private let name: String
    private let address: RedisAddress
    private let controls: [LaneControl]
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let startedAt = Timestamp.now()
    private let isStopping = Mutex(false)
    private let wake = WakeSignal()

    init(
        id: String, name: String, redis: RedisAddress, controls: [LaneControl], metrics: MetricsRegistry, logger: Logger
    ) {
        self.id = id
        self.name = name
        address = redis
        self.controls = controls
        self.metrics = metrics
        self.logger = logger
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await BlockingThread.run(name: "pulse") { self.work() }
        } onGracefulShutdown: {
            self.isStopping.withLock { $0 = true }
            self.wake.raise()
        }
    }

    private func work() {
        while !isStopping.withLock({ $0 }) {
            do throws(RedisError) {
                let redis = try RedisConnection(address, timeout: .seconds(1))
                while !isStopping.withLock({ $0 }) {
                    try beat(redis)
                    wake.wait(atMost: WorkerRegistry.interval)
                }
                _ = try redis.pipeline(WorkerRegistry.leave(id))
            } catch {
                logger.debug("no sign of life", metadata: ["error": "\(error)"])
                if !isStopping.withLock({ $0 }) { wake.wait(atMost: WorkerRegistry.interval) }
            }
        }
    }

    private func beat(_ redis: RedisConnection) throws(RedisError) {
        let since = controls.compactMap { control in control.subscribedSince.map { (control.lane, $0) } }
        let life = WorkerStatus(
            id: id, name: name, startedAt: startedAt, subscribedSince: Dictionary(uniqueKeysWithValues: since))
        let replies = try redis.pipeline(
            WorkerRegistry.show(life, metrics: metrics.snapshot()) + [WorkerRegistry.recent])
        let ids = replies.last?.array?.compactMap(\.string) ?? []
        guard !ids.isEmpty else { return }
        let living = WorkerRegistry.living(try redis.send(WorkerRegistry.lives(ids)))
        for lane in LaneBalancer(living: living, lanes: controls.count).lanesToLeave(id) {
            controls[lane].stepBack()
        }
    }
}
