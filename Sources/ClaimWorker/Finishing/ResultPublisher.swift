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
        let retried = outcome.failures.filter { !$0.isDeadLettered }.compactMap(\.claim)
        let changed = outcome.decisions.compactMap(\.claim) + retried + deadLettered
        try stores.send(.all([ClaimCache.publish(changed), progress(of: outcome.jobs, rate: rate), locks]))
    }

    /// Removes the claims from the lane's queue of pending claims, and records the lane's progress.
    private func progress(of jobs: [Job], rate: Double) -> RedisRequest<Void> {
        let claims = jobs.filter { !$0.isCancel }
        let ids = claims.compactMap(\.claimID)
        guard !ids.isEmpty else { return RedisRequest([]) }
        // A retried claim has no place in the lane's queue, and tells nothing about the progress of the others.
        let accepted = claims.compactMap { $0.attempt == 1 ? $0.claim?.createdAt : nil }
        return .all([
            LaneQueue.leave(ids, lane: lane),
            LaneQueue.advance(lane: lane, accepted: accepted, rate: rate, now: .now()),
        ])
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
