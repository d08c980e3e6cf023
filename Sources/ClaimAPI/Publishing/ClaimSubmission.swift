import Broker
import Claims
import Foundation
import Logging
import Metrics
import Redis
import RuntimeSupport

/// Accepts claims and cancellations: derives the id, detects repeated requests, publishes and awaits the confirm.
struct ClaimSubmission: Sendable {
    let issuer: ClaimIDIssuer
    let redis: RedisClient
    let publisher: Publisher
    let outcomes: OutcomeReader
    let admission: AdmissionControl
    let lanes: Int
    /// A request that was noted longer ago and never confirmed is not in progress any more.
    let confirmTimeout: Duration
    let logger: Logger

    private let cancels = Counter(label: "claims.cancels", dimensions: [("result", "confirmed")])
    private let accepted = Counter(label: "claims.publishes", dimensions: [("result", "confirmed")])
    private let duration = Metrics.Timer(label: "claims.publish.duration", dimensions: [("result", "confirmed")])

    init(
        issuer: ClaimIDIssuer, redis: RedisClient, publisher: Publisher, outcomes: OutcomeReader,
        admission: AdmissionControl, lanes: Int, confirmTimeout: Duration, logger: Logger
    ) {
        self.issuer = issuer
        self.redis = redis
        self.publisher = publisher
        self.outcomes = outcomes
        self.admission = admission
        self.lanes = lanes
        self.confirmTimeout = confirmTimeout
        self.logger = logger
    }

    /// Accepts a claim, or returns the one that was accepted with the same key.
    ///
    /// Redis remembers a request before it is published and marks it as accepted after the confirm. A request that was
    /// seen but never confirmed is published again; only a confirmed one is a replay. Without Redis every request is
    /// published, and the database detects the duplicates.
    ///
    /// The claim's time of creation is that of the attempt that was accepted: one that was refused earlier does not count.
    /// - Returns: the claim's current state, and whether an earlier request was accepted.
    /// - Parameter quota: the limits that the claim counts for, unless it was accepted before.
    /// - Throws: ``Problem``: `idempotency_key_reused`, `broker_unavailable`, `overloaded`, `rate_limited` or
    ///   `too_many_pending`.
    func accept(
        user: UserID, coupon: CouponName, key: IdempotencyKey, quota: Quota? = nil
    ) async throws(Problem) -> (claim: Claim, isReplay: Bool) {
        try refuseIfOverloaded()
        let id = issuer.id(user: user, key: key)
        var message = ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: .now())

        if let replay = try await formerClaim(user: user, coupon: coupon, key: key) { return (replay, true) }

        let lane = coupon.lane(of: lanes)
        let noting = ClaimCache.note(message).and(LaneQueue.takeNumber(lane: lane))
        let earlier: ClaimCache.Entry?
        let number: Int64?
        if let quota {
            let answer = try? await redis.send(noting.and(quota.request(for: id, user: user, coupon: coupon)))
            (earlier, number) = answer?.0 ?? (nil, nil)
            do throws(Problem) {
                try quota.settle(answer?.1, user: user)
            } catch {
                if number != nil { redis.sendWithoutReply(LaneQueue.returnNumber(lane: lane)) }
                if answer != nil, earlier == nil { redis.sendWithoutReply(ClaimCache.withdraw(id)) }
                throw error
            }
        } else {
            (earlier, number) = (try? await redis.send(noting)) ?? (nil, nil)
        }
        /// Returns the number of a claim that does not join its lane, or most likely does not.
        func returnNumber() {
            if number != nil { redis.sendWithoutReply(LaneQueue.returnNumber(lane: lane)) }
        }
        if let earlier {
            if let known = earlier.claim {
                guard earlier.isEdited || known.couponName == nil || known.couponName == coupon else {
                    returnNumber()
                    throw .keyReused
                }
                if let noted = known.createdAt, earlier.isAccepted || isInProgress(since: noted, at: message.createdAt)
                {
                    message.createdAt = noted
                } else if !earlier.isAccepted {
                    redis.sendWithoutReply(ClaimCache.noteAgain(message))
                }
            }
            if earlier.isAccepted {
                returnNumber()
                return (await current(message.pendingClaim), true)
            }
        }

        do throws(PublishError) {
            try await publish(message)
        } catch {
            returnNumber()
            if !error.mayBeStored { redis.sendWithoutReply(ClaimCache.withdraw(id)) }
            throw .brokerUnavailable(error, for: .claim)
        }

        guard let acceptance = try? await redis.send(ClaimCache.accept(id, lane: lane, number: number)) else {
            return (message.pendingClaim, false)
        }
        redis.sendWithoutReply(acceptance.rest)
        return acceptance.isFirst ? (message.pendingClaim, false) : (await current(message.pendingClaim), true)
    }

    /// Accepts a cancellation. It is published behind the claims of the same coupon that were accepted before it.
    ///
    /// - Returns: the claim's current state: `claimed` until the cancellation has taken effect, or `cancelled` already.
    /// - Throws: ``Problem``: `claim_not_found` if the claim is not the caller's, `not_cancellable`, `broker_unavailable`, `store_unavailable` or `overloaded`.
    func cancel(_ id: ClaimID, for caller: Caller) async throws(Problem) -> Claim {
        try refuseIfOverloaded()
        let claim = try await outcomes.authoritativeClaim(id)
        guard caller.owns(claim) else { throw .claimNotFound }
        switch claim.status {
        case .cancelled: return claim
        case .claimed: break
        case .pending, .rejected, .deadLettered, .discarded: throw .notCancellable(claim.status)
        }
        guard let user = claim.userID, let coupon = claim.couponName else {
            logger.error("row of a claimed claim without user or coupon", metadata: ["claim.id": "\(id)"])
            throw .internalError
        }
        do throws(PublishError) {
            try await publish(
                ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: .now(), action: .cancel))
        } catch {
            throw .brokerUnavailable(error, for: .cancel)
        }
        return claim
    }

    /// Returns the claim of the same request if it was accepted under an earlier secret, and so with another id.
    private func formerClaim(
        user: UserID, coupon: CouponName, key: IdempotencyKey
    ) async throws(Problem) -> Claim? {
        for id in issuer.formerIDs(user: user, key: key) {
            guard let entry = await outcomes.cached(id), entry.isAccepted else { continue }
            let known = entry.claim?.couponName
            guard entry.isEdited || known == nil || known == coupon else { throw .keyReused }
            return await current(Claim(id: id, userID: user, couponName: coupon, createdAt: entry.claim?.createdAt))
        }
        return nil
    }

    /// Most submissions above the limit are refused at their header, and never get here.
    private func refuseIfOverloaded() throws(Problem) {
        guard admission.isExceeded else { return }
        admission.refuse()
        throw .overloaded
    }

    /// Returns whether another attempt at the same request may still wait for its confirm.
    private func isInProgress(since start: Timestamp, at now: Timestamp) -> Bool {
        now.seconds(since: start) < confirmTimeout / .seconds(1)
    }

    /// Returns the current state of an accepted claim, or the claim as it was accepted if no store can be reached.
    private func current(_ claim: Claim) async -> Claim {
        // This request asks for the same as the accepted one, so it can fill in what Redis has lost.
        ((try? await outcomes.claim(claim.id)) ?? claim).completed(by: claim)
    }

    private func publish(_ message: ClaimMessage) async throws(PublishError) {
        let start = DispatchTime.now().uptimeNanoseconds
        let outgoing = OutgoingMessage(
            .claim(message, encodedBy: ClaimMessageCoder.shared), exchange: Topology.workExchange,
            routingKey: Topology.routingKey(lane: message.couponName.lane(of: lanes)))
        do throws(PublishError) {
            try await publisher.publish(outgoing)
            duration.recordNanoseconds(DispatchTime.now().uptimeNanoseconds - start)
            (message.action == .cancel ? cancels : accepted).increment()
        } catch {
            let label = message.action == .cancel ? "claims.cancels" : "claims.publishes"
            Counter(label: label, dimensions: [("result", "\(error)")]).increment()
            logger.debug(
                "\(message.action) not confirmed", metadata: ["claim.id": "\(message.id)", "error": "\(error)"])
            throw error
        }
    }
}

extension PublishError {
    /// Whether the broker may have stored the message all the same.
    fileprivate var mayBeStored: Bool {
        switch self {
        case .connectionLost, .timeout: true
        case .unreachable, .blocked, .refused, .unroutable, .queueFull, .stopping: false
        }
    }
}
