import Claims
import Redis
import RuntimeSupport

/// What `claimctl status` shows: queues, workers, and what needs attention. Pure; encodes as JSON.
struct StatusReport: Encodable {
    struct Queue: Encodable, Hashable {
        let name: String
        /// Ready messages. A message of a lane carries one claim or several.
        let messages: Int
        /// Claims that were accepted and are not decided; nil if it is unknown, or the queue is no lane's.
        let waiting: Int?
        /// Claims that workers hold, as they report; nil for queues that no lane reads.
        let unacknowledged: Int?
        /// When the oldest claim that a worker holds was accepted; nil if none waits there.
        let oldestPendingAt: Timestamp?
        /// Seconds since then.
        let oldestAge: Int?

        enum CodingKeys: String, CodingKey {
            case name, messages, unacknowledged
            case waiting = "waiting_claims"
            case oldestPendingAt = "oldest_pending_at"
            case oldestAge = "oldest_pending_seconds"
        }
    }

    struct Worker: Encodable, Hashable {
        let id: String
        let name: String
        /// The lanes that it reads.
        let lanes: [Int]
        let startedAt: Timestamp
        let unacknowledged: Int?
        /// Whether it is subscribed to every lane.
        let isHealthy: Bool

        enum CodingKeys: String, CodingKey {
            case id, name, lanes, unacknowledged
            case startedAt = "started_at"
            case isHealthy = "healthy"
        }
    }

    struct Memory: Encodable, Hashable {
        let used: Int64
        let limit: Int64
        let policy: String
        let evictedKeys: Int64

        enum CodingKeys: String, CodingKey {
            case used = "used_bytes"
            case limit = "limit_bytes"
            case policy
            case evictedKeys = "evicted_keys"
        }
    }

    let lanes: Int
    let queues: [Queue]
    let workers: [Worker]
    let redis: Memory?
    /// Each in one sentence.
    let warnings: [String]

    /// - Parameters:
    ///   - lanes: the number of lanes that the system has.
    ///   - depths: the queues of all possible lanes.
    ///   - waiting: the waiting claims of each lane, as Redis counts them.
    ///   - live: the workers with a heartbeat.
    ///   - recent: the ids of the workers that sent a heartbeat recently. A worker that stopped leaves the list.
    init(
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
