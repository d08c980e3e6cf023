import Broker
import Claims
import Redis

/// Detects poison messages: messages whose processing kills the worker.
///
/// When a worker dies, all its messages are redelivered, and the broker counts the return of each. So a message that was
/// returned several times is processed alone, and each time a strike is recorded in Redis first. A message with several
/// strikes was alone each time its worker died.
final class PoisonMessageDetector {
    /// The number of returns that make a message suspicious.
    static let suspiciousReturns = 5
    /// The number of returns after which the claims of a message become messages of their own. The broker would dead-letter
    /// the message as a whole at ``Topology/deliveryLimit``.
    static let separatingReturns = Topology.deliveryLimit - 5
    /// The number of strikes that prove it.
    static let maximumStrikes = 3
    /// Seconds after which strikes expire.
    private static let lifetime = "3600"

    private let stores: StoreConnections
    /// The delivery whose strike an outage kept from being withdrawn. It gets no second one.
    private var struck: AckLedger.Part?

    init(stores: StoreConnections) {
        self.stores = stores
    }

    /// Records a strike for a suspicious message that is about to be processed alone.
    ///
    /// - Returns: whether earlier strikes prove that it is a poison message.
    func strike(_ job: Job) throws(Outage) -> Bool {
        guard let key = key(job), job.part != struck else { return false }
        struck = job.part
        let strike = RedisRequest<Int>([["INCR", key], ["EXPIRE", key, Self.lifetime]]) { replies throws(RedisError) in
            guard let count = replies.first?.integer else { throw RedisError("recording a strike: no number") }
            return Int(count) - 1
        }
        return try stores.send(strike) >= Self.maximumStrikes
    }

    /// Withdraws the strike of a message whose processing an outage interrupted: the worker is alive.
    ///
    /// While Redis is unavailable the strike stays, and the delivery gets no other one.
    func withdrawStrike(_ job: Job) {
        guard let key = key(job), job.part == struck else { return }
        do throws(Outage) {
            try stores.send(RedisRequest([["DECR", key], ["EXPIRE", key, Self.lifetime]]))
            struck = nil
        } catch {}
    }

    /// Removes the strikes of a message whose processing did no harm.
    func clear(_ job: Job) throws(Outage) {
        guard let key = key(job) else { return }
        let clear = RedisRequest<Void>(command: ["DEL", key]) { reply throws(RedisError) in
            if case .error(let message) = reply { throw RedisError("clearing strikes: \(message)") }
        }
        try stores.send(clear)
        struck = nil
    }

    private func key(_ job: Job) -> String? {
        // A claim and its cancel have the same id, and one must not be blamed for the other.
        job.message.properties.messageID.map { RedisKeys.strikes(of: job.isCancel ? "\($0):cancel" : $0) }
    }
}
