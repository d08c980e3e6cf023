import Claims
import Logging
import Postgres
import Redis
import RuntimeSupport

/// Publishes the outcome of a lane's batches: dead-lettered claims to PostgreSQL, and every claim's state to Redis.
struct ResultPublisher {
    let stores: StoreConnections
    let lane: Int
    let logger: Logger

    /// Publishes an outcome and wakes the requests that wait for it. One round trip to Redis.
    ///
    /// - Parameters:
    ///   - rate: the lane's throughput in claims per second.
    ///   - locks: the release of the batch's locks.
    /// - Throws: ``Outage``. The outcome can be published again.
    func publish(
        _ outcome: BatchOutcome, rate: Double, releasing locks: RedisRequest<Void>
    ) throws(Outage) {
        let deadLettered = try recordDeadLettered(outcome.failures.filter(\.isDeadLettered).compactMap(\.claim))
        let retried = outcome.failures.filter { !$0.isDeadLettered }.compactMap { failed in
            failed.claim.map { ClaimState($0, at: failed.failure.at) }
        }
        let final = (outcome.decisions.compactMap(\.claim) + deadLettered).map { ClaimState($0) }
        // A retried claim tells nothing about the progress of the others.
        let isProgress = outcome.jobs.contains { !$0.isCancel && $0.attempt == 1 }
        let progress = isProgress ? LaneQueue.measured(rate: rate, lane: lane, now: .now()) : RedisRequest([])
        try stores.send(.all([ClaimCache.publish(final + retried, lane: lane), progress, locks]))
    }

    /// Records dead-lettered claims in PostgreSQL.
    ///
    /// - Returns: each claim as stored. A claim that was decided before keeps its outcome.
    private func recordDeadLettered(_ claims: [Claim]) throws(Outage) -> [Claim] {
        guard !claims.isEmpty else { return [] }
        switch try stores.postgres({ connection throws(PostgresError) in
            try ClaimStore(connection).recordDeadLettered(claims)
        }) {
        case .success(let recorded):
            return recorded
        case .failure(let error):
            if claims.count > 1 {
                var recorded: [Claim] = []
                for claim in claims { recorded += try recordDeadLettered([claim]) }
                return recorded
            }
            // The cause of the claim's failure may prevent its record too. The message still goes to the queue.
            logger.error(
                "dead-lettered claim not recorded", metadata: ["claim.id": "\(claims[0].id)", "error": "\(error)"])
            return claims
        }
    }
}
