import Broker
import Claims
import Instrumentation
import Logging
import Observability
import RuntimeSupport
import Telemetry
import Tracing

/// Accepts claims and cancellations: derives the id, and answers when the broker has confirmed the message.
struct ClaimSubmission: Sendable {
    let issuer: ClaimIDIssuer
    let conveyor: ClaimConveyor
    let outcomes: OutcomeReader
    let admission: AdmissionControl
    /// Whether messages carry the trace of their request.
    let isTraced: Bool
    let logger: Logger

    /// Accepts a claim, or returns the one that was accepted with the same key.
    ///
    /// - Returns: the claim's current state, and whether another request with the key was accepted before this one.
    /// - Parameter quota: the limits that the claim counts for, unless it was accepted before.
    /// - Throws: ``Problem``: `idempotency_key_reused`, `broker_unavailable`, `overloaded`, `rate_limited` or
    ///   `too_many_pending`.
    func accept(
        user: UserID, coupon: CouponName, key: IdempotencyKey, quota: Quota? = nil
    ) async throws(Problem) -> (claim: Claim, isReplay: Bool) {
        try refuseIfOverloaded()
        let now = Timestamp.now()
        let id = await formerID(user, key, at: now) ?? issuer.id(user: user, key: key, at: now)
        let message = ClaimMessage(
            id: id, userID: user, couponName: coupon, createdAt: now, trace: sampledTrace)
        if isTraced { InstrumentationContext.current?.span?.updateAttributes { $0["claim.id"] = "\(id)" } }
        switch await conveyor.submit(message, quota: quota) {
        case .accepted(let message): return (message.pendingClaim, false)
        case .replayed(let message): return (await current(message.pendingClaim), true)
        case .keyReused: throw .keyReused
        case .refused(let problem): throw problem
        case .failed(let error): throw .brokerUnavailable(error, for: .claim)
        }
    }

    /// Accepts a cancellation. It is published behind the claims of the same coupon that were accepted before it.
    ///
    /// - Returns: the claim's current state: `claimed` until the cancellation has taken effect, or `cancelled` already.
    /// - Throws: ``Problem``: `claim_not_found` if the claim is not the caller's, `not_cancellable`,
    ///   `broker_unavailable`, `store_unavailable` or `overloaded`.
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
            try await conveyor.cancel(
                ClaimMessage(
                    id: id, userID: user, couponName: coupon, createdAt: .now(), action: .cancel, trace: sampledTrace))
        } catch {
            throw .brokerUnavailable(error, for: .cancel)
        }
        return claim
    }

    /// The span of this request, if it is recorded.
    private var sampledTrace: TraceContext? {
        guard isTraced, let trace = InstrumentationContext.current?.trace, trace.isSampled else { return nil }
        return trace
    }

    /// Returns the id that the same request had under another secret, if Redis remembers one.
    ///
    /// It stays the id of the request, so that a repetition is a replay, or another attempt if the first one failed.
    private func formerID(_ user: UserID, _ key: IdempotencyKey, at time: Timestamp) async -> ClaimID? {
        for id in issuer.formerIDs(user: user, key: key, at: time) where await outcomes.cached(id) != nil { return id }
        return nil
    }

    /// Most submissions above the limit are refused at their header, and never get here.
    private func refuseIfOverloaded() throws(Problem) {
        guard admission.isExceeded else { return }
        admission.refuse()
        throw .overloaded
    }

    /// Returns the current state of an accepted claim, or the claim as it was accepted if no store can be reached.
    private func current(_ claim: Claim) async -> Claim {
        // This request asks for the same as the accepted one, so it can fill in what Redis has lost.
        ((try? await outcomes.claim(claim.id)) ?? claim).completed(by: claim)
    }
}
