internal import RuntimeSupport

/// What a change of a coupon is about, in one line of the audit trail.
extension NewCoupon {
    var summary: String {
        let rules = CouponChange(
            amount: amount, perUserLimit: perUserLimit, startsAt: startsAt.map { .some($0) },
            endsAt: endsAt.map { .some($0) })
        return rules.summary + (eligibleUsers.map { " eligible_users=\($0.count)" } ?? "")
    }
}

extension CouponChange {
    var summary: String {
        let parts: [String?] = [
            amount.map { "amount=\($0)" }, perUserLimit.map { "per_user_limit=\($0)" },
            startsAt.map { "starts_at=\($0?.description ?? "none")" },
            endsAt.map { "ends_at=\($0?.description ?? "none")" },
        ]
        return parts.compactMap(\.self).joined(separator: " ")
    }
}
