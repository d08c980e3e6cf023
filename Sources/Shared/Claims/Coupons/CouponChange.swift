package import RuntimeSupport

/// A change of a coupon: the body of `PATCH /coupons/{name}`. Values that are nil do not change.
package struct CouponChange: Decodable, Hashable, Sendable {
    package var amount: Int?
    package var perUserLimit: Int?
    /// `.some(nil)` removes the start.
    package var startsAt: Timestamp??
    /// `.some(nil)` removes the end.
    package var endsAt: Timestamp??

    enum CodingKeys: String, CodingKey {
        case amount
        case perUserLimit = "per_user_limit"
        case startsAt = "starts_at"
        case endsAt = "ends_at"
    }

    package init(
        amount: Int? = nil, perUserLimit: Int? = nil, startsAt: Timestamp?? = nil, endsAt: Timestamp?? = nil
    ) {
        self.amount = amount
        self.perUserLimit = perUserLimit
        self.startsAt = startsAt
        self.endsAt = endsAt
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Int? {
            try container.contains(key) ? container.decodeWholeNumber(forKey: key) : nil
        }
        func time(_ key: CodingKeys) throws -> Timestamp?? {
            try container.contains(key) ? .some(container.decodeIfPresent(Timestamp.self, forKey: key)) : nil
        }
        amount = try number(.amount)
        perUserLimit = try number(.perUserLimit)
        startsAt = try time(.startsAt)
        endsAt = try time(.endsAt)
    }

    /// Why the change is not valid for any coupon, naming the field; nil if it may be valid.
    package var validationError: String? {
        if let amount, !(0...Int(Int32.max)).contains(amount) { return "amount must be from 0 to \(Int32.max)" }
        if let perUserLimit, !(1...Int(Int32.max)).contains(perUserLimit) {
            return "per_user_limit must be from 1 to \(Int32.max)"
        }
        return nil
    }

    /// The result of a change.
    package enum Outcome: Sendable {
        /// The coupon after the change.
        case changed(Coupon)
        case noSuchCoupon
        /// The amount would be less than what is claimed. Nothing was changed.
        case amountBelowClaimed(claimed: Int)
        /// The coupon would end before it starts. Nothing was changed.
        case endsBeforeStart
    }
}
