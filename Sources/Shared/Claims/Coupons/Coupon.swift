package import RuntimeSupport

/// A coupon as the API and `claimctl` return it.
package struct Coupon: Codable, Hashable, Sendable {
    package var name: CouponName
    /// The total quantity.
    package var amount: Int
    /// The quantity that can still be claimed.
    package var remainingAmount: Int
    /// The most that one user may hold.
    package var perUserLimit: Int
    /// Claims that were accepted earlier are rejected as `not_started`; nil for no start.
    package var startsAt: Timestamp?
    /// Claims that were accepted at this time or later are rejected as `expired`; nil for no end.
    package var endsAt: Timestamp?
    /// Whether only the users on the list of eligible users may claim the coupon.
    package var isRestricted: Bool
    package var createdAt: Timestamp
    /// The first holders of the coupon, in claim order; nil in lists of coupons.
    package var claimedBy: [String]?

    enum CodingKeys: String, CodingKey {
        case name, amount
        case remainingAmount = "remaining_amount"
        case perUserLimit = "per_user_limit"
        case startsAt = "starts_at"
        case endsAt = "ends_at"
        case isRestricted = "is_restricted"
        case createdAt = "created_at"
        case claimedBy = "claimed_by"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(amount, forKey: .amount)
        try container.encode(remainingAmount, forKey: .remainingAmount)
        try container.encode(perUserLimit, forKey: .perUserLimit)
        try container.encode(startsAt, forKey: .startsAt)
        try container.encode(endsAt, forKey: .endsAt)
        try container.encode(isRestricted, forKey: .isRestricted)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encodeIfPresent(claimedBy, forKey: .claimedBy)
    }
}

/// A coupon to be created: the body of `POST /coupons`.
package struct NewCoupon: Codable, Hashable, Sendable {
    package var name: CouponName
    package var amount: Int
    package var perUserLimit: Int?
    package var startsAt: Timestamp?
    package var endsAt: Timestamp?
    package var eligibleUsers: [UserID]?

    package enum CodingKeys: String, CodingKey {
        case name, amount
        case perUserLimit = "per_user_limit"
        case startsAt = "starts_at"
        case endsAt = "ends_at"
        case eligibleUsers = "eligible_users"
    }

    package init(
        name: CouponName, amount: Int, perUserLimit: Int? = nil, startsAt: Timestamp? = nil, endsAt: Timestamp? = nil,
        eligibleUsers: [UserID]? = nil
    ) {
        self.name = name
        self.amount = amount
        self.perUserLimit = perUserLimit
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.eligibleUsers = eligibleUsers
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(CouponName.self, forKey: .name)
        amount = try container.decodeWholeNumber(forKey: .amount)
        perUserLimit =
            try !container.contains(.perUserLimit) || container.decodeNil(forKey: .perUserLimit)
            ? nil : container.decodeWholeNumber(forKey: .perUserLimit)
        startsAt = try container.decodeIfPresent(Timestamp.self, forKey: .startsAt)
        endsAt = try container.decodeIfPresent(Timestamp.self, forKey: .endsAt)
        eligibleUsers = try container.decodeIfPresent([UserID].self, forKey: .eligibleUsers)
    }

    /// Why the coupon is not valid, naming the field; nil if it is valid.
    package var validationError: String? {
        if !(0...Int(Int32.max)).contains(amount) { return "amount must be from 0 to \(Int32.max)" }
        if let perUserLimit, !(1...Int(Int32.max)).contains(perUserLimit) {
            return "per_user_limit must be from 1 to \(Int32.max)"
        }
        if let startsAt, let endsAt, endsAt <= startsAt { return "ends_at must be after starts_at" }
        if let eligibleUsers, eligibleUsers.count > EligibleUsersChange.limit {
            return "eligible_users must have at most \(EligibleUsersChange.limit) user ids"
        }
        return nil
    }
}
