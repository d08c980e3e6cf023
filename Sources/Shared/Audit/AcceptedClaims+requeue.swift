internal import Broker
internal import Claims
package import DeadLetters
internal import Redis

extension AcceptedClaims {
    /// The number of claims whose messages can be published again.
    package var repairable: Int { lost.count { !$0.messages.isEmpty } }

    private static let batchSize = 500

    /// Publishes the lost claims again, in the order in which they were decided. Blocks.
    ///
    /// Each gets back its state before the decision, so that clients see it as pending and then its new outcome. A claim that
    /// was not lost after all keeps its outcome, because a claim is decided once. Recorded in the audit trail.
    /// - Returns: the number of claims.
    /// - Throws: `RedisError` or `BrokerError`. The claims that were not published are found again by the next comparison.
    package func requeue(_ session: OperatorSession) throws -> Int {
        let claims = lost.filter { !$0.messages.isEmpty }
        guard !claims.isEmpty else { return 0 }
        return try session.logged(.claimRequeue, on: "lost claims") {
            "\($0) published again"
        } _: {
            let redis = try RedisConnection(session.stores.redis, timeout: .seconds(10))
            let publisher = try ConfirmedPublisher<Int>(
                anyOf: session.stores.brokers, heartbeat: 60, name: "\(session.connectionName) publisher",
                confirmTimeout: .seconds(10))
            defer { publisher.close() }
            for start in stride(from: 0, to: claims.count, by: Self.batchSize) {
                let batch = claims[start..<min(start + Self.batchSize, claims.count)]
                try Self.publish(batch, redis, publisher, lanes: session.stores.lanes)
                session.progress(.init(.requeueing, done: start + batch.count, total: claims.count))
            }
            return claims.count
        }
    }

    private static func publish(
        _ claims: ArraySlice<LostClaim>, _ redis: RedisConnection, _ publisher: ConfirmedPublisher<Int>, lanes: Int
    ) throws {
        // Before the publish: a worker may decide the claim at once.
        try redis.send(
            .all(
                claims.flatMap { claim in
                    claim.messages.filter { $0.action == .claim }.map {
                        ClaimCache.acceptAgain($0, isEdited: claim.isEdited)
                    }
                }))
        let messages = claims.flatMap(\.messages).map { message in
            OutgoingMessage(
                .claim(message, encodedBy: .shared), exchange: Topology.workExchange,
                routingKey: Topology.routingKey(lane: message.couponName.lane(of: lanes)))
        }
        guard try publisher.deliver(messages).count == messages.count else {
            throw BrokerError(.refused(code: 0), "the broker did not store every message")
        }
    }
}
