import Broker
import Claims
import Redis

/// Detects poison messages: messages whose processing kills the worker.
///
/// When a worker dies, all its messages are redelivered, and the broker counts the return of each. So a message that was
/// returned several times is processed alone, and each time a strike is recorded in Redis first. A message with several
/// strikes was alone each time its worker died.
struct PoisonMessageDetector {
    /// The number of returns that make a message suspicious.
    static let suspiciousReturns = 5
    /// The number of strikes that prove it.
    static let maximumStrikes = 3
    /// Seconds after which strikes expire.
    private static let lifetime = "3600"

    let stores: StoreConnections

    /// Records a strike for a suspicious message that is about to be processed alone.
    ///
    /// - Returns: whether earlier strikes prove that it is a poison message.
    func strike(_ job: Job) throws(Outage) -> Bool {
        guard let key = key(job) else { return false }
        let strike = RedisRequest<Int>([["INCR", key], ["EXPIRE", key, Self.lifetime]]) { replies in
            Int(replies.first?.integer ?? 1) - 1
        }
        let earlier = try stores.redis { redis throws(RedisError) in try redis.send(strike) }
        return earlier >= Self.maximumStrikes
    }

    /// Removes the strikes of a message whose processing did no harm.
    func clear(_ job: Job) throws(Outage) {
        guard let key = key(job) else { return }
        let clear = RedisRequest<Void>(command: ["DEL", key]) { reply throws(RedisError) in
            if case .error(let message) = reply { throw RedisError("clearing strikes: \(message)") }
        }
        try stores.send(clear)
    }

    private func key(_ job: Job) -> String? {
        // A claim and its cancel have the same id, and one must not be blamed for the other.
        job.message.properties.messageID.map { RedisKeys.strikes(of: job.isCancel ? "\($0):cancel" : $0) }
    }
}
