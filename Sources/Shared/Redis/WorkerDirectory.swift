internal import Foundation

/// What a living worker tells of itself with each sign of life.
package struct WorkerLife: Codable, Hashable, Sendable {
    /// Names one process: no two workers ever have the same.
    package var id: String
    /// The name that the operator gave it.
    package var name: String
    package var startedAt: Timestamp
    /// For each lane it is subscribed to, since when, in microseconds since 1970.
    ///
    /// The broker hands a lane to whoever has waited longest, and tells nobody. From everybody's times everybody knows.
    package var subscribedSince: [Int: Int64]

    enum CodingKeys: String, CodingKey {
        case id, name
        case startedAt = "started_at"
        case subscribedSince = "subscribed_since"
    }

    package init(id: String, name: String, startedAt: Timestamp, subscribedSince: [Int: Int64]) {
        self.id = id
        self.name = name
        self.startedAt = startedAt
        self.subscribedSince = subscribedSince
    }
}

/// Who works at present, as the signs of life in Redis tell.
package enum WorkerDirectory {
    /// How long a sign of life lasts. A dead worker's locks are taken over when it is gone, and its coupons must be
    /// claimed again within 3 s, the lock's 500 ms between two tries included.
    package static let lifetime = Duration.milliseconds(1400)
    /// How often a living worker shows itself.
    package static let interval = Duration.milliseconds(350)
    /// How long a worker's metrics stay after its last sign of life, in seconds.
    private static let metricsLifetime = 10

    /// Shows a sign of life and asks who else does. Answer: ``living(_:)`` of the last two replies.
    package static func show(_ life: WorkerLife, metrics: [MetricFamily]) -> [RedisCommand] {
        let encoder = JSONEncoder()
        func json(_ value: some Encodable) -> String {
            guard let data = try? encoder.encode(value) else { preconditionFailure("a sign of life is always JSON") }
            return String(decoding: data, as: UTF8.self)
        }
        let now = Timestamp.now().milliseconds
        return [
            ["SET", RedisKeys.life(of: life.id), json(life), "PX", String(lifetime.wholeMilliseconds)],
            ["SET", RedisKeys.metrics(of: life.id), json(metrics), "EX", String(metricsLifetime)],
            ["ZADD", RedisKeys.workers, String(now), life.id],
            ["ZREMRANGEBYSCORE", RedisKeys.workers, "-inf", String(now - Int64(metricsLifetime) * 1000)],
        ]
    }

    /// Takes the sign of life away, so that nobody has to wait for its end.
    package static func leave(_ id: String) -> [RedisCommand] {
        [["DEL", RedisKeys.life(of: id)], ["ZREM", RedisKeys.workers, id]]
    }

    /// Asks for the ids of the workers that showed themselves lately.
    package static let recent: RedisCommand = ["ZRANGE", RedisKeys.workers, "0", "-1"]

    /// Asks for the signs of life of these workers. Answer: ``living(_:)``.
    package static func lives(_ ids: [String]) -> RedisCommand {
        ["MGET"] + ids.map(RedisKeys.life(of:))
    }

    /// The workers that live, in the order of their ids.
    package static func living(_ reply: RedisReply) -> [WorkerLife] {
        decode(WorkerLife.self, reply).sorted { $0.id < $1.id }
    }

    /// The workers that live, asked for over a connection of the caller's.
    package static func living(on redis: RedisConnection) throws(RedisError) -> [WorkerLife] {
        let ids = try redis.send(recent).array?.compactMap(\.string) ?? []
        return ids.isEmpty ? [] : living(try redis.send(lives(ids)))
    }

    /// Everybody's metrics, each labelled with its worker.
    package static func metrics(_ redis: RedisClient) async throws(RedisError) -> [MetricFamily] {
        let ids = try await redis.pipeline([recent])[0].array?.compactMap(\.string) ?? []
        guard !ids.isEmpty else { return [] }
        let replies = try await redis.pipeline([["MGET"] + ids.map(RedisKeys.metrics(of:))])
        let fields = replies[0].array ?? []
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
