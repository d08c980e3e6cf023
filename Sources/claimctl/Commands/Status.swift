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
        abstract: "Show how much waits in each queue, and which workers live.")

    @Option(name: .long, help: "First wait until so many workers live; fails if they don't in time.")
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
        let queues: [Queue]
        let workers: [Worker]
    }

    func run() throws {
        guard timeout >= 0 else { throw Failure.usage("--timeout must not be negative") }
        let reader = SettingReader()
        let stores = try StoreSettings(reader)
        let living = try awaitWorkers(stores)
        let connection = try AMQPConnection(anyOf: stores.brokers, heartbeat: 10, name: "claimctl status")
        let report = Report(
            queues: try QueueDepths(lanes: stores.lanes, connection).all.map {
                .init(name: $0.name, messages: $0.messages)
            },
            workers: Self.workers(living, lanes: stores.lanes))
        if output.json { return try Output.document(report) }
        Output.table(["QUEUE", "MESSAGES"], report.queues.map { [$0.name, "\($0.messages)"] })
        Output.line("")
        Output.table(
            ["WORKER", "SINCE", "LANES"],
            report.workers.map { worker in
                [worker.id, worker.startedAt.description, worker.lanes.map(String.init).joined(separator: " ")]
            })
    }

    private func awaitWorkers(_ stores: StoreSettings) throws -> [WorkerStatus] {
        let redis = try RedisConnection(stores.redis, timeout: .seconds(2))
        let end = ContinuousClock.now + .seconds(timeout)
        while true {
            let living = try WorkerRegistry.living(on: redis)
            let ready = living.filter { $0.subscribedSince.count == stores.lanes }.count
            guard let wanted = waitForWorkers, ready < wanted else { return living }
            guard ContinuousClock.now < end else {
                throw Failure.failed("\(ready) of \(wanted) workers live after \(timeout) s")
            }
            // Signs of life can only be looked for; nothing announces them.
            WakeSignal().wait(atMost: .milliseconds(100))
        }
    }

    /// The lanes of each: those on which nobody has waited longer.
    private static func workers(_ living: [WorkerStatus], lanes: Int) -> [Report.Worker] {
        living.map { worker in
            let own = (0..<lanes).filter { lane in
                guard let since = worker.subscribedSince[lane] else { return false }
                return living.allSatisfy { ($0.subscribedSince[lane] ?? .max) >= since }
            }
            return Report.Worker(id: worker.id, name: worker.name, lanes: own, startedAt: worker.startedAt)
        }
    }
}

/// How many messages wait in each of the system's queues.
struct QueueDepths {
    let all: [(name: String, messages: Int)]

    /// Asks the broker; queues that were never declared are left out.
    init(lanes: Int, _ connection: AMQPConnection) throws(BrokerError) {
        let names =
            (0..<lanes).map(Topology.workQueue) + (0..<10).map(Topology.retry)
            + [Topology.deadQueue, Topology.obituaryQueue]
        var all: [(String, Int)] = []
        for (index, name) in names.enumerated() {
            // Asking for a queue that does not exist costs the channel, so each question has its own.
            let channel = UInt16(index + 1)
            try connection.openChannel(channel)
            if let depth = try connection.depth(of: name, channel: channel) {
                all.append((name, depth.messages))
                try connection.closeChannel(channel)
            }
        }
        self.all = all
    }

    subscript(name: String) -> Int { all.first { $0.name == name }?.messages ?? 0 }
}
