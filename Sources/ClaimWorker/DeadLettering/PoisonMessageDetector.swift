import Broker
import Claims
import Redis

/// Detects poison messages: messages whose processing kills the worker.
///
/// When a worker dies, all its messages are redelivered, and the broker counts the return of each. So a message that was
/// returned several times is processed alone, and each time a strike is recorded in Redis first. A claim with several
/// strikes was alone each time its worker died. The claims of one message are processed together first, and one at a time
/// after a worker has died while processing them.
final class PoisonMessageDetector {
    /// The number of returns that make a message suspicious.
    static let suspiciousReturns = 5
    /// The number of returns after which the claims of a message become messages of their own, behind those that wait in
    /// the lane. The broker would dead-letter the message as a whole at ``Topology/deliveryLimit``.
    static let separatingReturns = Topology.deliveryLimit - 2
    /// The number of strikes that prove it.
    static let maximumStrikes = 3
    /// Seconds after which strikes expire.
    private static let lifetime = "3600"

    private let stores: StoreConnections
    /// The keys of the strikes that are neither cleared nor withdrawn. They get no second one.
    private var struck: [String] = []

    init(stores: StoreConnections) {
        self.stores = stores
    }

    /// Records a strike for jobs of one suspicious message that are about to be processed alone.
    ///
    /// - Returns: the number of earlier strikes.
    func strike(_ jobs: [Job]) throws(Outage) -> Int {
        guard let key = key(jobs), !struck.contains(key) else { return 0 }
        let strike = RedisRequest<Int>([["INCR", key], ["EXPIRE", key, Self.lifetime]]) { replies throws(RedisError) in
            guard let count = replies.first?.integer else { throw RedisError("recording a strike: no number") }
            return Int(count) - 1
        }
        struck.append(key)
        let earlier = try stores.send(strike)
        // What is proved to be a poison message keeps its strikes until its copy is in the dead-letter queue.
        if earlier >= Self.maximumStrikes { struck.removeLast() }
        return earlier
    }

    /// Withdraws the strikes of jobs whose processing an outage interrupted: the worker is alive.
    ///
    /// While Redis is unavailable they stay, and the jobs get no others.
    func withdrawStrikes() {
        guard !struck.isEmpty else { return }
        do throws(Outage) {
            try stores.send(RedisRequest(struck.flatMap { [["DECR", $0], ["EXPIRE", $0, Self.lifetime]] }))
            struck = []
        } catch {}
    }

    /// Removes the strikes of jobs whose processing did no harm.
    func clearStrikes() throws(Outage) {
        guard !struck.isEmpty else { return }
        let clear = RedisRequest<Void>(command: ["DEL"] + struck) { reply throws(RedisError) in
            if case .error(let message) = reply { throw RedisError("clearing strikes: \(message)") }
        }
        try stores.send(clear)
        struck = []
    }

    private func key(_ jobs: [Job]) -> String? {
        guard let job = jobs.first(where: { $0.claimID != nil }), let id = job.claimID else { return nil }
        // A claim, its cancel and the message that it is part of must not be blamed for each other.
        let kind = jobs.count > 1 ? ":message" : job.isCancel ? ":cancel" : ""
        return RedisKeys.strikes(of: "\(id)\(kind)")
    }
}
