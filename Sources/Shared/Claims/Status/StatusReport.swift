package import Redis
package import RuntimeSupport

/// What `claimctl status` and the overview of the console show: queues, workers, and what needs attention. Pure; encodes
/// as JSON.
package struct StatusReport: Encodable, Sendable {
    package struct Queue: Encodable, Hashable, Sendable {
        package let name: String
        /// Ready messages. A message of a lane carries one claim or several.
        package let messages: Int
        /// Claims that were accepted and are not decided; nil if it is unknown, or the queue is no lane's.
        package let waiting: Int?
        /// Claims that workers hold, as they report; nil for queues that no lane reads.
        package let unacknowledged: Int?
        /// When the oldest claim that a worker holds was accepted; nil if none waits there.
        package let oldestPendingAt: Timestamp?
        /// Seconds since then.
        package let oldestAge: Int?

        package enum CodingKeys: String, CodingKey {
            case name, messages, unacknowledged
            case waiting = "waiting_claims"
            case oldestPendingAt = "oldest_pending_at"
            case oldestAge = "oldest_pending_seconds"
        }
    }

    package struct Worker: Encodable, Hashable, Sendable {
        package let id: String
        package let name: String
        /// The lanes that it reads.
        package let lanes: [Int]
        package let startedAt: Timestamp
        package let unacknowledged: Int?
        /// Whether it is subscribed to every lane.
        package let isHealthy: Bool

        package enum CodingKeys: String, CodingKey {
            case id, name, lanes, unacknowledged
            case startedAt = "started_at"
            case isHealthy = "healthy"
        }
    }

    package struct Memory: Encodable, Hashable, Sendable {
        package let used: Int64
        package let limit: Int64
        package let policy: String
        package let evictedKeys: Int64

        package enum CodingKeys: String, CodingKey {
            case used = "used_bytes"
            case limit = "limit_bytes"
            case policy
            case evictedKeys = "evicted_keys"
        }
    }

    package let lanes: Int
    package let queues: [Queue]
    package let workers: [Worker]
    package let redis: Memory?
    /// Each in one sentence.
    package let warnings: [String]

    /// - Parameters:
    ///   - lanes: the number of lanes that the system has.
    ///   - depths: the queues of all possible lanes.
    ///   - waiting: the waiting claims of each lane, as Redis counts them.
    ///   - live: the workers with a heartbeat.
    ///   - recent: the ids of the workers that sent a heartbeat recently. A worker that stopped leaves the list.
    package init(
        lanes: Int, depths: QueueDepths, waiting: [Int?], live: [WorkerStatus], recent: [String],
        memory: RedisMemory?, now: Timestamp
    ) {
        let unread = depths.unread(outside: lanes)
        self.lanes = lanes
        queues = depths.all.compactMap { queue in
            guard case .lane(let lane) = queue.kind else {
                return Queue(
                    name: queue.name, messages: queue.messages, waiting: nil, unacknowledged: nil,
                    oldestPendingAt: nil, oldestAge: nil)
            }
            guard lane < lanes || unread.contains(queue) else { return nil }
            let held = live.reduce(0) { $0 + ($1.unacknowledged?[lane] ?? 0) }
            let since = live.compactMap { $0.oldestAcceptance?[lane] }.min()
            return Queue(
                name: queue.name, messages: queue.messages,
                waiting: waiting.indices.contains(lane) ? waiting[lane] : nil, unacknowledged: held,
                oldestPendingAt: since,
                oldestAge: since.map { max(0, Int(now.milliseconds - $0.milliseconds) / 1000) })
        }
        workers = live.map { worker in
            Worker(
                id: worker.id, name: worker.name, lanes: Self.ownLanes(of: worker, among: live, lanes: lanes),
                startedAt: worker.startedAt, unacknowledged: worker.unacknowledged?.values.reduce(0, +),
                isHealthy: worker.subscribedSince.count == lanes)
        }
        redis = memory.map {
            Memory(used: $0.used, limit: $0.limit, policy: $0.policy, evictedKeys: $0.evictedKeys)
        }

        let ids = Set(live.map(\.id))
        var warnings: [String] = []
        if live.isEmpty { warnings.append("No worker is alive. Accepted claims wait") }
        for id in recent where !ids.contains(id) {
            warnings.append("Worker \(id) has stopped sending heartbeats. It died, is frozen, or cannot reach Redis")
        }
        for worker in workers where !worker.isHealthy {
            warnings.append("Worker \(worker.id) is not subscribed to every lane. See its log")
        }
        for queue in unread {
            warnings.append(
                "\(queue.name) holds \(queue.messages.counted("message")), but the system has \(lanes.counted("lane")). "
                    + "No worker reads it. See claimctl lanes set --help")
        }
        self.warnings = warnings + [memory?.warning()].compactMap(\.self)
    }

    /// Returns the lanes of a worker: those to which no other worker has been subscribed longer.
    private static func ownLanes(of worker: WorkerStatus, among live: [WorkerStatus], lanes: Int) -> [Int] {
        (0..<lanes).filter { lane in
            guard let since = worker.subscribedSince[lane] else { return false }
            return live.allSatisfy { ($0.subscribedSince[lane] ?? .max) >= since }
        }
    }
}
