package import RuntimeSupport

/// What became of a claim so far, as clients, operators and rows see it.
package enum ClaimStatus: String, Codable, Hashable, Sendable, CaseIterable {
    /// Stored, not decided.
    case pending
    /// The coupon is the user's.
    case claimed
    /// Decided against.
    case rejected
    /// Failed after its retries; it lies in the dead-letter queue.
    case deadLettered = "dead_lettered"
    /// An operator discarded it from the dead-letter queue.
    case discarded
    /// Was claimed, then given back.
    case cancelled

    /// Whether nothing more is to come by itself, so that a waiting client gets its answer.
    package var isFinal: Bool { self != .pending }
}

/// Why a claim was rejected: the rules of a coupon, in words that programs switch on.
package enum Rejection: String, Codable, Hashable, Sendable, CaseIterable {
    case soldOut = "sold_out"
    case alreadyClaimed = "already_claimed"
    case couponNotFound = "coupon_not_found"
    case notStarted = "not_started"
    case expired
    case notEligible = "not_eligible"
}

/// A claim as `GET /claims/{id}` shows it and as Redis keeps it.
package struct Claim: Codable, Hashable, Sendable {
    package var id: ClaimID
    package var status: ClaimStatus
    /// A ``Rejection``, the last failure's code or an operator's note.
    package var reason: String?
    /// Nil only while all that is known of the claim is its id.
    package var userID: UserID?
    package var couponName: CouponName?
    /// The tries made: 0 before the first.
    package var attempts: Int
    /// When the API took it.
    package var createdAt: Timestamp?
    /// When it took its present status; nil while pending.
    package var decidedAt: Timestamp?
    /// Where it stands in its lane while it is pending, 1 for the next; nil if that is not known, and when it is settled.
    package var position: Int?
    /// Seconds until its turn, at the pace of the last ones; nil if there was none, and when it is settled.
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

    /// The claim with what another knowledge of it has and this one lacks: Redis may have lost what was asked for.
    package func completed(by other: Claim) -> Claim {
        var claim = self
        claim.userID = userID ?? other.userID
        claim.couponName = couponName ?? other.couponName
        claim.createdAt = createdAt ?? other.createdAt
        return claim
    }
}
