internal import Foundation
package import Observability
package import Redis
package import RuntimeSupport

/// What a live worker reports with each heartbeat.
package struct WorkerStatus: Codable, Hashable, Sendable {
    /// Identifies one process; no two workers ever share it.
    package var id: String
    /// The name that the operator gave the worker.
    package var name: String
    package var startedAt: Timestamp
    /// For each lane that it is subscribed to: since when, in microseconds since 1970.
    ///
    /// The broker gives a lane to the consumer that subscribed first and does not report it. All workers derive the owner
    /// of each lane from these times.
    package var subscribedSince: [Int: Int64]
    /// For each lane that it holds claims of: the number of unfinished ones. Nil from an older version.
    package var unacknowledged: [Int: Int]?
    /// For each lane that it holds waiting claims of: when the oldest one was accepted. Nil from an older version.
    package var oldestAcceptance: [Int: Timestamp]?

    enum CodingKeys: String, CodingKey {
        case id, name
        case startedAt = "started_at"
        case subscribedSince = "subscribed_since"
        case unacknowledged
        case oldestAcceptance = "oldest_acceptance"
    }

    package init(
        id: String, name: String, startedAt: Timestamp, subscribedSince: [Int: Int64],
        unacknowledged: [Int: Int]? = nil,
        oldestAcceptance: [Int: Timestamp]? = nil
    ) {
        self.id = id
        self.name = name
        self.startedAt = startedAt
        self.subscribedSince = subscribedSince
        self.unacknowledged = unacknowledged
        self.oldestAcceptance = oldestAcceptance
    }
}

/// The live workers, by their heartbeats in Redis.
package enum WorkerRegistry {
    /// How long a heartbeat lasts. The locks of a dead worker are taken over when its heartbeat has expired, and its
    /// coupons must be claimed again within 3 s, including the 500 ms between two tries of a lock.
    package static let lifetime = Duration.milliseconds(1400)
    /// The time between two heartbeats of a worker.
    package static let interval = Duration.milliseconds(350)
    /// Seconds that a worker's metrics outlive its last heartbeat.
    private static let metricsLifetime = 10

    /// Sends a heartbeat. Answer: the ids of all workers that sent one recently.
    package static func heartbeat(_ status: WorkerStatus, metrics: [MetricFamily]) -> RedisRequest<[String]> {
        let encoder = JSONEncoder()
        func json(_ value: some Encodable) -> String {
            guard let data = try? encoder.encode(value) else { preconditionFailure("a heartbeat is always JSON") }
            return String(decoding: data, as: UTF8.self)
        }
        let now = Timestamp.now().milliseconds
        let beat = RedisRequest<Void>([
            ["SET", RedisKeys.heartbeat(of: status.id), json(status), "PX", String(lifetime.wholeMilliseconds)],
            ["SET", RedisKeys.metrics(of: status.id), json(metrics), "EX", String(metricsLifetime)],
            ["ZADD", RedisKeys.workers, String(now), status.id],
            ["ZREMRANGEBYSCORE", RedisKeys.workers, "-inf", String(now - Int64(metricsLifetime) * 1000)],
        ])
        let both = beat.and(recent)
        return RedisRequest(both.commands) { replies throws(RedisError) in try both.answer(replies).1 }
    }

    /// Removes a worker's heartbeat, so that its lanes and locks are free at once.
    package static func leave(_ id: String) -> RedisRequest<Void> {
        RedisRequest([["DEL", RedisKeys.heartbeat(of: id)], ["ZREM", RedisKeys.workers, id]])
    }

    /// Looks up the ids of the workers that sent a heartbeat recently.
    package static let recent = RedisRequest<[String]>(command: ["ZRANGE", RedisKeys.workers, "0", "-1"]) {
        $0.array?.compactMap(\.string) ?? []
    }

    /// Looks up which of these workers are alive. Answer: their statuses by id.
    package static func live(_ ids: [String]) -> RedisRequest<[WorkerStatus]> {
        guard !ids.isEmpty else { return RedisRequest([]) { _ in [] } }
        return RedisRequest(command: ["MGET"] + ids.map(RedisKeys.heartbeat(of:))) {
            decode(WorkerStatus.self, $0).sorted { $0.id < $1.id }
        }
    }

    /// Returns the live workers, ordered by id.
    package static func live(on redis: RedisConnection) throws(RedisError) -> [WorkerStatus] {
        try redis.send(live(try redis.send(recent)))
    }

    /// Returns the metrics of all live workers, each labelled with its worker's id.
    package static func metrics(_ redis: RedisClient) async throws(RedisError) -> [MetricFamily] {
        let ids = try await redis.send(recent)
        guard !ids.isEmpty else { return [] }
        let fields = try await redis.send(
            RedisRequest(command: ["MGET"] + ids.map(RedisKeys.metrics(of:))) { $0.array ?? [] })
        return zip(ids, fields).flatMap { id, field in
            decode([MetricFamily].self, .array([field])).flatMap(\.self).map { $0.labelled("worker", id) }
        }
    }

    private static func decode<Value: Decodable>(_: Value.Type, _ reply: RedisReply) -> [Value] {
        let decoder = JSONDecoder()
        return (reply.array ?? []).compactMap { field in
            field.string.flatMap { try? decoder.decode(Value.self, from: Data($0.utf8)) }
        }
    }
}
