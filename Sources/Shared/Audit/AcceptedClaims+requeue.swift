internal import Algorithms
internal import Broker
internal import Claims
package import DeadLetters
internal import Redis

extension AcceptedClaims {
    /// The number of claims whose messages can be published again.
    package var repairable: Int { lost.count { !$0.messages.isEmpty } }

    private static let batchSize = 500

    /// Publishes the lost claims again: first the cancelled ones, then those that were claimed, then the others. Blocks.
    ///
    /// After the publisher confirm, Redis forgets the lost outcome, so that clients see the claim as pending and then its new
    /// outcome. A claim that was not lost after all keeps its outcome, because a claim is decided once. Recorded in the audit
    /// trail.
    /// - Returns: the number of claims.
    /// - Throws: `RedisError` or `BrokerError`. The claims that were not published keep their states in Redis, so the next
    ///   comparison finds them again.
    package func requeue(_ session: OperatorSession) throws -> Int {
        let claims = lost.filter { !$0.messages.isEmpty }.sorted { $0.repairOrder < $1.repairOrder }
        guard !claims.isEmpty else { return 0 }
        return try session.logged(.claimRequeue, on: "lost claims") {
            "\($0) published again"
        } _: {
            let redis = try RedisConnection(session.stores.redis, timeout: .seconds(10))
            let publisher = try session.publisher()
            defer { publisher.close() }
            for batch in claims.chunks(ofCount: Self.batchSize) {
                try Self.publish(batch, redis, publisher, lanes: session.stores.lanes)
                session.progress(.init(.requeueing, done: batch.endIndex, total: claims.count))
            }
            return claims.count
        }
    }

    private static func publish(
        _ claims: ArraySlice<LostClaim>, _ redis: RedisConnection, _ publisher: ConfirmedPublisher<Int>, lanes: Int
    ) throws {
        let messages = claims.flatMap(\.messages).map { message in
            OutgoingMessage.toLane(message.couponName.lane(of: lanes), .claim(message, encodedBy: .shared))
        }
        guard try publisher.deliver(messages).count == messages.count else {
            throw BrokerError(.refused(code: 0), "the broker did not store every message")
        }
        // Only now: until the confirm, Redis is the only record of the loss. A cancelled claim stays cancelled.
        try redis.send(
            .all(
                claims.compactMap { claim in
                    guard [.claimed, .rejected, .deadLettered].contains(claim.status), let version = claim.version,
                        let request = claim.messages.first
                    else { return nil }
                    return ClaimCache.acceptAgain(request, isEdited: claim.isEdited, insteadOf: version)
                }))
    }
}
