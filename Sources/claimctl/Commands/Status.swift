import ArgumentParser
import Broker
import Claims
import Foundation
import Postgres
import Redis
import RuntimeSupport
import Settings

/// `claimctl status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the depth of each queue, the live workers with their lanes, and what needs attention.",
        discussion: """
            READY messages wait in the queue; one of a lane carries one claim, or several under load. WAITING claims of a \
            lane are accepted and not decided, as Redis counts them. UNACKED claims are held by a worker, as it reports \
            with its heartbeat: during an outage of PostgreSQL or Redis they are there and not in the queue. OLDEST is \
            the time since the oldest claim that a worker holds was accepted.
            """)

    @Option(name: .long, help: "First wait until this many workers are alive; fail if they are not in time.")
    var waitForWorkers: Int?

    @Option(name: .long, help: "Seconds to wait for workers.")
    var timeout = 30.0

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard timeout >= 0 else { throw Failure.usage("--timeout must not be negative") }
        let stores = try StoreSettings(SettingReader())
        let redis = try RedisConnection(stores.redis, timeout: .seconds(2))
        let live = try awaitWorkers(stores, redis)
        let broker = try AMQPConnection(anyOf: stores.brokers, heartbeat: 10, name: "claimctl status")
        let lanes = Self.lanes(stores)
        let report = StatusReport(
            lanes: lanes, depths: try QueueDepths(lanes: StoreSettings.laneLimit, broker),
            waiting: try redis.send(LaneQueue.counters(lanes: lanes)).map { $0?.waiting }, live: live,
            recent: try redis.send(WorkerRegistry.recent),
            memory: try redis.send(RedisMemory.lookUp), now: .now())
        if output.json { return try Output.document(report) }
        show(report)
    }

    private func show(_ report: StatusReport) {
        Output.table(
            ["QUEUE", "READY", "WAITING", "UNACKED", "OLDEST"],
            report.queues.map { queue in
                [
                    queue.name, "\(queue.messages)", queue.waiting.map(String.init) ?? "-",
                    queue.unacknowledged.map(String.init) ?? "-",
                    queue.oldestAge.map(TimeSpan.text) ?? "-",
                ]
            })
        Output.line("")
        Output.table(
            ["WORKER", "SINCE", "UNACKED", "LANES"],
            report.workers.map { worker in
                [
                    worker.id, worker.startedAt.description, worker.unacknowledged.map(String.init) ?? "-",
                    worker.lanes.map(String.init).joined(separator: " "),
                ]
            })
        if let redis = report.redis {
            let limit = redis.limit > 0 ? "of \(redis.limit >> 20) MiB, \(redis.policy)" : "without a limit"
            Output.line("")
            Output.line("redis: \(redis.used >> 20) MiB \(limit), \(Int(redis.evictedKeys).counted("evicted key"))")
        }
        for warning in report.warnings { Output.line("warning: \(warning)".printable) }
    }

    /// Returns the number of lanes that the system has. Without PostgreSQL, that is the setting.
    private static func lanes(_ stores: StoreSettings) -> Int {
        guard let connection = try? PostgresConnection(stores.database, name: "claimctl status"),
            let stored = try? LaneCount.stored(on: connection)
        else { return stores.lanes }
        return stored
    }

    private func awaitWorkers(_ stores: StoreSettings, _ redis: RedisConnection) throws -> [WorkerStatus] {
        let end = ContinuousClock.now + .seconds(timeout)
        while true {
            let live = try WorkerRegistry.live(on: redis)
            let ready = live.filter { $0.subscribedSince.count == stores.lanes }.count
            guard let wanted = waitForWorkers, ready < wanted else { return live }
            guard ContinuousClock.now < end else {
                throw Failure.failed("\(ready) of \(wanted.counted("worker")) alive after \(timeout) s")
            }
            // Heartbeats are not announced, so this polls for them.
            WakeSignal().wait(atMost: .milliseconds(100))
        }
    }
}
