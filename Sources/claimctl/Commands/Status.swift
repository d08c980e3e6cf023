import ArgumentParser
import Broker
import Claims
import Foundation
import Redis
import RuntimeSupport
import Settings

/// `claimctl status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the depth of each queue, the live workers with their lanes, and how full Redis is.")

    @Option(name: .long, help: "First wait until this many workers are alive; fail if they are not in time.")
    var waitForWorkers: Int?

    @Option(name: .long, help: "Seconds to wait for workers.")
    var timeout = 30.0

    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Queue: Encodable {
            let name: String
            let messages: Int
        }
        struct Worker: Encodable {
            let id: String
            let name: String
            let lanes: [Int]
            let startedAt: Timestamp
            enum CodingKeys: String, CodingKey {
                case id, name, lanes
                case startedAt = "started_at"
            }
        }
        struct Memory: Encodable {
            let used, limit, evictedKeys: Int64
            let policy: String
            let warning: String?
            enum CodingKeys: String, CodingKey {
                case used = "used_bytes"
                case limit = "limit_bytes"
                case policy, warning
                case evictedKeys = "evicted_keys"
            }
            init(_ memory: RedisMemory) {
                used = memory.used
                limit = memory.limit
                policy = memory.policy
                evictedKeys = memory.evictedKeys
                warning = memory.warning()
            }
        }
        let queues: [Queue]
        let workers: [Worker]
        /// Nil if Redis does not report it.
        let redis: Memory?
    }

    func run() throws {
        guard timeout >= 0 else { throw Failure.usage("--timeout must not be negative") }
        let reader = SettingReader()
        let stores = try StoreSettings(reader)
        let live = try awaitWorkers(stores)
        let connection = try AMQPConnection(anyOf: stores.brokers, heartbeat: 10, name: "claimctl status")
        let report = Report(
            queues: try QueueDepths(lanes: stores.lanes, connection).all.map {
                .init(name: $0.name, messages: $0.messages)
            },
            workers: Self.workers(live, lanes: stores.lanes),
            redis: try RedisConnection(stores.redis, timeout: .seconds(2)).send(RedisMemory.lookUp).map(
                Report.Memory.init))
        if output.json { return try Output.document(report) }
        Output.table(["QUEUE", "MESSAGES"], report.queues.map { [$0.name, "\($0.messages)"] })
        Output.line("")
        Output.table(
            ["WORKER", "SINCE", "LANES"],
            report.workers.map { worker in
                [worker.id, worker.startedAt.description, worker.lanes.map(String.init).joined(separator: " ")]
            })
        guard let redis = report.redis else { return }
        Output.line("")
        Output.table(
            ["REDIS", "LIMIT", "POLICY", "EVICTED"],
            [["\(redis.used >> 20) MiB", "\(redis.limit >> 20) MiB", redis.policy, "\(redis.evictedKeys)"]])
        if let warning = redis.warning { Output.line("warning: \(warning)") }
    }

    private func awaitWorkers(_ stores: StoreSettings) throws -> [WorkerStatus] {
        let redis = try RedisConnection(stores.redis, timeout: .seconds(2))
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

    /// Returns the workers with their lanes: those to which no other worker has been subscribed longer.
    private static func workers(_ live: [WorkerStatus], lanes: Int) -> [Report.Worker] {
        live.map { worker in
            let own = (0..<lanes).filter { lane in
                guard let since = worker.subscribedSince[lane] else { return false }
                return live.allSatisfy { ($0.subscribedSince[lane] ?? .max) >= since }
            }
            return Report.Worker(id: worker.id, name: worker.name, lanes: own, startedAt: worker.startedAt)
        }
    }
}

/// The number of messages in each of the system's queues.
struct QueueDepths {
    let all: [(name: String, messages: Int)]

    /// Asks the broker. Queues that do not exist are left out.
    init(lanes: Int, _ connection: AMQPConnection) throws(BrokerError) {
        let names =
            (0..<lanes).map(Topology.workQueue) + (0..<10).map(Topology.retry)
            + [Topology.deadQueue, Topology.brokerDeadLetterQueue]
        var all: [(String, Int)] = []
        for (index, name) in names.enumerated() {
            // The broker closes the channel if a queue does not exist, so each question has its own.
            let channel = UInt16(index + 1)
            try connection.openChannel(channel)
            if let depth = try connection.depth(of: name, channel: channel) {
                all.append((name, depth.messages))
                try connection.closeChannel(channel)
            }
        }
        self.all = all
    }
}
