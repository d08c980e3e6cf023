package import RuntimeSupport

/// The status of a claim.
package enum ClaimStatus: String, Codable, Hashable, Sendable, CaseIterable {
    /// Stored by the broker, not decided.
    case pending
    /// The user holds the coupon.
    case claimed
    /// A rule of the coupon forbids the claim, see ``Rejection``.
    case rejected
    /// Failed after its retries. Its message is in the dead-letter queue and can be replayed.
    case deadLettered = "dead_lettered"
    /// An operator discarded it from the dead-letter queue.
    case discarded
    /// Was claimed, then given back by the user.
    case cancelled

    /// Whether the status does not change without a request, so that a waiting client gets its answer.
    package var isFinal: Bool { self != .pending }
}

/// Why a claim was rejected.
package enum Rejection: String, Codable, Hashable, Sendable, CaseIterable {
    case soldOut = "sold_out"
    case alreadyClaimed = "already_claimed"
    case couponNotFound = "coupon_not_found"
    case notStarted = "not_started"
    case expired
    case notEligible = "not_eligible"
}

/// A claim as `GET /claims/{id}` returns it.
package struct Claim: Codable, Hashable, Sendable {
    package var id: ClaimID
    package var status: ClaimStatus
    /// The code of a ``Rejection`` or of the last failure, or an operator's note.
    package var reason: String?
    /// Nil while only the id of the claim is known.
    package var userID: UserID?
    package var couponName: CouponName?
    /// The number of attempts made: 0 before the first.
    package var attempts: Int
    /// When the API accepted the claim.
    package var createdAt: Timestamp?
    /// When the claim took its present status; nil while pending.
    package var decidedAt: Timestamp?
    /// The position in the lane while pending, 1 for the next claim; nil if unknown.
    package var position: Int?
    /// The expected wait in seconds while pending, from the rate of the last batches; nil if unknown.
    package var estimatedSeconds: Int?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case id, status, reason, attempts, position
        case userID = "user_id"
        case couponName = "coupon_name"
        case createdAt = "created_at"
        case decidedAt = "decided_at"
        case estimatedSeconds = "estimated_seconds"
    }

    package init(
        id: ClaimID, status: ClaimStatus = .pending, reason: String? = nil, userID: UserID? = nil,
        couponName: CouponName? = nil, attempts: Int = 0, createdAt: Timestamp? = nil, decidedAt: Timestamp? = nil
    ) {
        self.id = id
        self.status = status
        self.reason = reason
        self.userID = userID
        self.couponName = couponName
        self.attempts = attempts
        self.createdAt = createdAt
        self.decidedAt = decidedAt
    }

    /// Encodes absent values as null, since the contract names every field of the answer.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(status, forKey: .status)
        try container.encode(reason, forKey: .reason)
        try container.encode(userID, forKey: .userID)
        try container.encode(couponName, forKey: .couponName)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(decidedAt, forKey: .decidedAt)
        try container.encode(position, forKey: .position)
        try container.encode(estimatedSeconds, forKey: .estimatedSeconds)
    }

    /// Returns the claim with the missing parts of its request taken from another copy: Redis may have lost them.
    package func completed(by other: Claim) -> Claim {
        var claim = self
        claim.userID = userID ?? other.userID
        claim.couponName = couponName ?? other.couponName
        claim.createdAt = createdAt ?? other.createdAt
        return claim
    }
}
