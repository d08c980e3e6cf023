import ArgumentParser
import Broker
import Claims
import Foundation
import Postgres
import Redis
import RuntimeSupport
import Settings

/// `claimctl lanes`
struct LanesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lanes", abstract: "Show or change the number of lanes (work queues).",
        subcommands: [Show.self, Set.self], defaultSubcommand: Show.self)

    private struct Report: Encodable {
        let lanes: Int?
        /// Encodes nil as null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(lanes, forKey: .lanes)
        }
        private enum CodingKeys: CodingKey { case lanes }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the number of lanes that the system has.",
            discussion: "The first ClaimAPI or ClaimWorker that starts stores its CLAIMS_LANES in PostgreSQL.")

        @OptionGroup var output: OutputOptions

        func run() throws {
            let lanes = try LaneCount.stored(on: try LanesCommand.connection())
            if output.json { return try Output.document(Report(lanes: lanes)) }
            Output.line(lanes.map(String.init) ?? "not stored; the first program that starts stores its CLAIMS_LANES")
        }
    }

    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the number of lanes, while nothing waits in them.",
            discussion: """
                A coupon's lane depends on the number, so claims that wait must be decided before it changes. Stop \
                ClaimAPI, let the workers empty the lanes (claimctl status), stop the workers, run this command, and \
                start all programs with the new CLAIMS_LANES. A ClaimAPI that still runs ends within 10 s.

                Claims in a lane outside of the number, which a wrong CLAIMS_LANES has left, are decided after a change to \
                a number that includes that lane.
                """)

        @Argument(help: "The number of lanes, 1 to \(StoreSettings.laneLimit).")
        var lanes: Int

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard (1...StoreSettings.laneLimit).contains(lanes) else {
                throw Failure.usage("the number of lanes must be from 1 to \(StoreSettings.laneLimit)")
            }
            let reader = SettingReader()
            let connection = try LanesCommand.connection()
            let stored = try LaneCount.stored(on: connection)
            if let stored, stored != lanes {
                try Self.requireNoWorkers(try StoreSettings.redis(reader))
                try Self.requireEmptyQueues(try StoreSettings.brokers(reader), from: stored, to: lanes)
            }
            if stored != lanes { try LaneCount.store(lanes, on: connection) }
            if output.json { return try Output.document(Report(lanes: lanes)) }
            Output.line("the system has \(lanes.counted("lane")); start all programs with CLAIMS_LANES=\(lanes)")
        }

        private static func requireNoWorkers(_ address: RedisAddress) throws {
            let live = try WorkerRegistry.live(on: try RedisConnection(address, timeout: .seconds(2)))
            guard live.isEmpty else {
                throw Failure.failed(
                    "\(live.count.counted("worker")) still running: \(live.map(\.id).joined(separator: ", ")). "
                        + "Nothing was changed. Stop all workers first")
            }
        }

        /// Refuses the change while a queue holds messages that the change would leave in the wrong lane, and while a lane
        /// has a consumer, which may be a frozen worker that holds messages.
        private static func requireEmptyQueues(_ brokers: [BrokerAddress], from stored: Int, to lanes: Int) throws {
            let connection = try AMQPConnection(anyOf: brokers, heartbeat: 10, name: "claimctl lanes")
            let depths = try QueueDepths(lanes: StoreSettings.laneLimit, connection)
            let waiting = depths.all.filter { queue in
                guard queue.messages > 0 || queue.consumers > 0, queue.kind != .deadLetters else { return false }
                // What a wrong setting has left in a lane outside of the number is decided once that lane is inside.
                if case .lane(let lane) = queue.kind, lane >= stored { return lane >= lanes }
                return true
            }
            guard waiting.isEmpty else {
                if let read = waiting.first(where: { $0.consumers > 0 }) {
                    throw Failure.failed(
                        "\(read.name) has \(read.consumers.counted("consumer")), which may hold messages. Nothing was "
                            + "changed. Stop all workers first, including those that do not respond")
                }
                let list = waiting.map { "\($0.name) holds \($0.messages.counted("message"))" }
                throw Failure.failed(
                    "\(list.joined(separator: ", ")). Nothing was changed. Start the workers with CLAIMS_LANES=\(stored), "
                        + "and wait until these queues are empty")
            }
        }
    }

    private static func connection() throws -> PostgresConnection {
        let connection = try PostgresConnection(try StoreSettings.database(SettingReader()), name: "claimctl lanes")
        try Schema.check(connection)
        return connection
    }
}
