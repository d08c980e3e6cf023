package import Claims
package import RuntimeSupport

/// A claim that was accepted and whose latest state is in no store. Encodes as JSON.
package struct LostClaim: Encodable, Hashable, Sendable {
    package let id: ClaimID
    /// The status that Redis remembers, and that clients were told.
    package let status: ClaimStatus
    /// The status of the row in PostgreSQL; nil if there is no row.
    package let storedStatus: ClaimStatus?
    package let userID: UserID?
    package let couponName: CouponName?
    package let createdAt: Timestamp?
    /// When the claim took ``status``; nil while pending.
    package let decidedAt: Timestamp?
    /// Whether an operator has replaced the request.
    let isEdited: Bool
    /// The version of ``status`` in Redis; nil if only the acceptance is known.
    let version: String?

    init(id: ClaimID, known: ClaimCache.Entry, stored: ClaimStatus?) {
        self.id = id
        status = known.claim?.status ?? .pending
        storedStatus = stored
        userID = known.claim?.userID
        couponName = known.claim?.couponName
        createdAt = known.claim?.createdAt
        decidedAt = known.claim?.decidedAt
        isEdited = known.isEdited
        version = known.version
    }

    /// Whether PostgreSQL has lost what Redis knows. Pure.
    ///
    /// PostgreSQL commits a state before Redis learns of it, so Redis is never ahead unless a commit was lost.
    static func isLost(known: ClaimStatus, stored: ClaimStatus?) -> Bool {
        switch (known, stored) {
        case (_, nil), (.claimed, .deadLettered), (.rejected, .deadLettered), (.cancelled, .deadLettered),
            (.cancelled, .claimed):
            true
        case (_, .some): false
        }
    }

    /// The messages that repeat what was lost; empty if there is nothing to repeat, or the request is unknown.
    package var messages: [ClaimMessage] {
        guard let userID, let couponName, let createdAt else { return [] }
        let claim = ClaimMessage(id: id, userID: userID, couponName: couponName, createdAt: createdAt)
        var cancel = claim
        cancel.action = .cancel
        switch status {
        case .pending, .claimed, .rejected, .deadLettered: return [claim]
        case .cancelled: return storedStatus == .claimed ? [cancel] : [claim, cancel]
        // An operator decided that it is not to be carried out.
        case .discarded: return []
        }
    }

    /// What an operator can do.
    package var nextStep: String {
        if !messages.isEmpty { return "publish it again with --requeue" }
        return status == .discarded ? "nothing: it was discarded" : "the user must claim again with a new key"
    }

    /// Orders claims as they were decided, then as they were accepted.
    var order: (Timestamp, Timestamp, String) {
        let latest = Timestamp(milliseconds: .max)
        return (decidedAt ?? latest, createdAt ?? latest, id.description)
    }

    /// Orders claims for the repair: first cancellations, which may free coupons, then claims that hold a promise, then the
    /// rest.
    ///
    /// The times alone do not keep the promises: all claims of a batch are decided at the same time.
    var repairOrder: (Int, Timestamp, Timestamp, String) {
        let rank =
            switch status {
            case .cancelled: storedStatus == .claimed ? 0 : 1
            case .claimed: 2
            case .pending, .rejected, .deadLettered, .discarded: 3
            }
        return (rank, order.0, order.1, order.2)
    }

    private enum CodingKeys: String, CodingKey {
        case id, status
        case storedStatus = "stored_status"
        case userID = "user_id"
        case couponName = "coupon_name"
        case createdAt = "created_at"
        case decidedAt = "decided_at"
        case nextStep = "next_step"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(status, forKey: .status)
        try container.encode(storedStatus, forKey: .storedStatus)
        try container.encode(userID, forKey: .userID)
        try container.encode(couponName, forKey: .couponName)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(decidedAt, forKey: .decidedAt)
        try container.encode(nextStep, forKey: .nextStep)
    }
}

extension LostClaim {
    /// - Parameter isRequeued: whether the lost claims were published again.
    func violation(isRequeued: Bool) -> AuditReport.Violation {
        let advice = isRequeued && !messages.isEmpty ? "published again, check with another audit" : nextStep
        let coupon = couponName.map { "of \($0)" } ?? "of an unknown coupon"
        let user = userID.map { "for \($0)" } ?? "for an unknown user"
        let accepted = createdAt.map { "accepted \($0)" } ?? "accepted at an unknown time"
        let state = decidedAt.map { "\(status.rawValue) at \($0)" } ?? status.rawValue
        let row = storedStatus.map { "but its row is \($0.rawValue)" } ?? "but it has no row and no message"
        return AuditReport.Violation(
            rule: "accepted_claim_is_stored", subject: id.description,
            detail: "a claim \(coupon) \(user), \(accepted), is \(state) in Redis, \(row); \(advice)")
    }
}
