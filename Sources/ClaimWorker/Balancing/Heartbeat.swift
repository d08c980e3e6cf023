import Claims
import Logging
import Observability
import Redis
import RuntimeSupport
import ServiceLifecycle

/// Sends the worker's heartbeat to Redis, reads those of the others, and balances the lanes among all of them.
final class Heartbeat: Service {
    private let id: String
    private let name: String
    private let address: RedisAddress
    private let controls: [LaneControl]
    private let health: StoreHealth
    private let metrics: MetricsRegistry
    private let laneMetrics: LaneMetrics
    private let logger: Logger
    private let startedAt = Timestamp.now()
    /// Watches the heartbeat's thread. An attempt takes a second for each answer of Redis, and longer if the look-up of its
    /// address does not answer.
    let watch = LoopWatch("heartbeat", limit: .seconds(120))
    private let stop = StopSignal()

    init(
        id: String, name: String, redis: RedisAddress, controls: [LaneControl], health: StoreHealth,
        metrics: MetricsRegistry, laneMetrics: LaneMetrics, logger: Logger
    ) {
        self.id = id
        self.name = name
        address = redis
        self.controls = controls
        self.health = health
        self.metrics = metrics
        self.laneMetrics = laneMetrics
        self.logger = logger
    }

    func run() async throws {
        await BlockingThread.run(name: "heartbeat", until: stop) { self.work() }
    }

    private func work() {
        defer { watch.end() }
        // A longer pause would cost more heartbeats than the outage itself.
        stop.retrying(backoff: Backoff(longest: WorkerRegistry.interval)) { connected in
            let redis = try RedisConnection(address, timeout: .seconds(1))
            connected()
            while !stop.isRequested {
                watch.beat()
                try beat(redis)
                stop.wait(atMost: WorkerRegistry.interval)
            }
            try redis.send(WorkerRegistry.leave(id))
        } onFailure: { error, _ in
            watch.beat()
            logger.debug("heartbeat failed, retrying", metadata: ["error": "\(error)"])
        }
    }

    private func beat(_ redis: RedisConnection) throws(RedisError) {
        let since = controls.compactMap { control in control.subscribedSince.map { (control.lane, $0) } }
        let held = controls.map { ($0.lane, $0.held) }.filter { $0.1.claims > 0 }
        let oldest = held.compactMap { lane, held in held.oldest.map { (lane, $0) } }
        let status = WorkerStatus(
            id: id, name: name, startedAt: startedAt, subscribedSince: Dictionary(uniqueKeysWithValues: since),
            unacknowledged: Dictionary(uniqueKeysWithValues: held.map { ($0, $1.claims) }),
            oldestAcceptance: Dictionary(uniqueKeysWithValues: oldest))
        laneMetrics.record(at: .now())
        let ids = try redis.send(WorkerRegistry.heartbeat(status, metrics: metrics.snapshot()))
        let live = try redis.send(WorkerRegistry.live(ids))
        // A lane that is left returns its messages, and each return counts towards the broker's delivery limit. During an
        // outage no other worker could decide them.
        if health.isOutage { return }
        for lane in LaneBalancer(live: live, lanes: controls.count).lanesToLeave(id) {
            controls[lane].stepBack()
        }
    }
}
