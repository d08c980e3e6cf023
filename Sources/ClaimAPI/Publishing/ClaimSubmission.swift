import Broker
import Claims
import Foundation
import Logging
import Metrics
import Redis
import RuntimeSupport

/// Takes claims: gives each its id, has it stored durably by the broker, and knows a request that came before.
struct ClaimSubmission: Sendable {
    let issuer: ClaimIDIssuer
    let redis: RedisClient
    let publisher: Publisher
    let outcomes: OutcomeReader
    let lanes: Int
    let logger: Logger

    private let cancels = Counter(label: "claims.cancels", dimensions: [("result", "confirmed")])
    private let accepted = Counter(label: "claims.publishes", dimensions: [("result", "confirmed")])
    private let confirmed = Metrics.Timer(label: "claims.publish.duration", dimensions: [("result", "confirmed")])

    init(
        issuer: ClaimIDIssuer, redis: RedisClient, publisher: Publisher, outcomes: OutcomeReader, lanes: Int,
        logger: Logger
    ) {
        self.issuer = issuer
        self.redis = redis
        self.publisher = publisher
        self.outcomes = outcomes
        self.lanes = lanes
        self.logger = logger
    }

    /// Accepts a claim, or finds the one that was accepted under the same key.
    ///
    /// Redis remembers a request before it is published and marks it after the confirm. A request that was seen but
    /// never confirmed is published again; only a confirmed one is answered from memory. Without Redis everything is
    /// published, and the database finds what is double.
    /// - Returns: the claim as it stands, and whether an earlier request had been accepted.
    /// - Throws: ``Problem``: `idempotency_key_reused` or `broker_unavailable`.
    func accept(
        user: UserID, coupon: CouponName, key: IdempotencyKey
    ) async throws(Problem) -> (claim: Claim, isReplay: Bool) {
        let id = issuer.id(user: user, key: key)
        var message = ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: .now())

        let lane = coupon.lane(of: lanes)
        let noted = try? await redis.pipeline(
            ClaimCache.note(message) + [LaneQueue.join(id, lane: lane, at: WallClock.microseconds())])
        if let noted, !ClaimCache.wasFirst(noted), let entry = await remembered(id) {
            if let known = entry.request ?? entry.state {
                guard known.couponName == coupon else { throw .keyReused }
                message.createdAt = known.createdAt ?? message.createdAt
            }
            // Whatever a worker has had in hand stands in no line any more.
            if entry.state != nil { redis.sendWithoutReply([LaneQueue.leave([id], lane: lane)]) }
            if entry.isAccepted { return (await present(message.pendingClaim), true) }
        }

        do throws(Problem) {
            try await publish(message)
        } catch {
            // It stands in the line for nothing, unless it got through all the same; then its place is not known.
            redis.sendWithoutReply([LaneQueue.leave([id], lane: lane)])
            throw error
        }

        guard let marked = try? await redis.pipeline(ClaimCache.accept(id)), !ClaimCache.wasFirst(marked) else {
            return (message.pendingClaim, false)
        }
        return (await present(message.pendingClaim), true)
    }

    /// Takes the wish to cancel a claim: it travels behind the claims of the same coupon that were accepted before it.
    ///
    /// - Returns: the claim as it stands: claimed until the cancel has taken effect, or cancelled already.
    /// - Throws: ``Problem``: `not_cancellable`, `broker_unavailable` or `store_unavailable`.
    func cancel(_ id: ClaimID) async throws(Problem) -> Claim {
        let claim = try await outcomes.certainClaim(id)
        switch claim.status {
        case .cancelled: return claim
        case .claimed: break
        case .pending, .rejected, .deadLettered, .discarded: throw .notCancellable(claim.status)
        }
        // A claim that got its coupon has both; so say the rows themselves.
        guard let user = claim.userID, let coupon = claim.couponName else { throw .internalError }
        try await publish(
            ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: .now(), action: .cancel))
        return claim
    }

    /// The claim as it stands by now; as it was accepted if no store can tell.
    private func present(_ claim: Claim) async -> Claim {
        // What was accepted is what this request asks for as well, so nothing of it needs to stay unknown.
        ((try? await outcomes.claim(claim.id)) ?? claim).completed(by: claim)
    }

    private func remembered(_ id: ClaimID) async -> ClaimCache.Entry? {
        guard let replies = try? await redis.pipeline([ClaimCache.lookUp(id)]) else { return nil }
        return ClaimCache.entry(replies[0], of: id)
    }

    private func publish(_ message: ClaimMessage) async throws(Problem) {
        let start = DispatchTime.now().uptimeNanoseconds
        do throws(PublishError) {
            try await publisher.publish(
                .claim(message, encodedBy: ClaimMessageCoder.shared), exchange: Topology.workExchange,
                routingKey: Topology.routingKey(lane: message.couponName.lane(of: lanes)))
            confirmed.recordNanoseconds(DispatchTime.now().uptimeNanoseconds - start)
            (message.action == .cancel ? cancels : accepted).increment()
        } catch {
            let label = message.action == .cancel ? "claims.cancels" : "claims.publishes"
            Counter(label: label, dimensions: [("result", "\(error)")]).increment()
            logger.debug(
                "\(message.action) not confirmed", metadata: ["claim.id": "\(message.id)", "error": "\(error)"])
            throw .brokerUnavailable(error, for: message.action)
        }
    }
}
