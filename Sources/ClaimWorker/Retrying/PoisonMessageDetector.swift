import Claims
import Redis

/// Finds the message that kills its worker among those that only stood near it.
///
/// When a worker dies, everything it held comes back, and the broker counts that for all of them alike. So a message
/// that has come back several times is worked on alone, and before each time a mark is left in Redis. Whoever has
/// several marks was alone each time its worker died.
struct PoisonMessageDetector {
    /// So many returns make a message suspicious.
    static let returns = 5
    /// So many marks prove it.
    static let marks = 3
    /// The reason under which it is dead-lettered: the same as when the broker's own limit catches it.
    static let code = "delivery_limit"
    /// Seconds that a mark lasts.
    private static let lifetime = "3600"

    let stores: LaneStores

    /// Leaves a mark for a message that is about to be worked on alone.
    ///
    /// - Returns: how many it has now, this one not counted.
    func mark(_ job: Job) throws(Outage) -> Int {
        guard let key = key(job) else { return 0 }
        return try stores.redis { redis throws(RedisError) in
            let replies = try redis.pipeline([["INCR", key], ["EXPIRE", key, Self.lifetime]])
            return Int(replies[0].integer ?? 1) - 1
        }
    }

    /// Takes the marks away from a message that was worked on and did no harm.
    func clear(_ job: Job) throws(Outage) {
        guard let key = key(job) else { return }
        try stores.redis { redis throws(RedisError) in _ = try redis.send(["DEL", key]) }
    }

    private func key(_ job: Job) -> String? {
        // A claim and its cancelling have one id, and neither is to blame for the other.
        job.message.properties.messageID.map { RedisKeys.suspect(job.isCancel ? "\($0):cancel" : $0) }
    }
}
