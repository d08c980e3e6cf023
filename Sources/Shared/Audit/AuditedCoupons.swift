internal import Postgres

/// The coupons with what the rows of the other tables add up to. Pure, apart from reading the coupons.
struct AuditedCoupons {
    struct Coupon {
        let id: Int
        let name: String
        let amount: Int
        let remaining: Int
        /// The highest limit per user that the coupon has had.
        let limit: Int
    }

    let coupons: [Coupon]
    let totals: AuditTotals

    init(_ coupons: [Coupon], _ totals: AuditTotals) {
        self.coupons = coupons
        self.totals = totals
    }

    init(on connection: PostgresConnection, _ totals: AuditTotals) throws(PostgresError) {
        let rows = try connection.execute(
            """
            select id, name, amount, remaining_amount, greatest(per_user_limit, former_user_limit)
            from coupons order by name
            """)
        self.init(
            (0..<rows.count).map { row in
                Coupon(
                    id: rows.integer(row, 0) ?? 0, name: rows.text(row, 1) ?? "", amount: rows.integer(row, 2) ?? 0,
                    remaining: rows.integer(row, 3) ?? 0, limit: rows.integer(row, 4) ?? 0)
            }, totals)
    }

    /// The violations that the numbers alone show.
    var violations: [AuditReport.Violation] {
        coupons.flatMap { coupon in
            let held = totals.held[coupon.id]?.count ?? 0
            let claimed = totals.claimed[coupon.name]?.count ?? 0
            let difference = coupon.amount - coupon.remaining
            var violations: [AuditReport.Violation] = []
            if difference != held || held != claimed || coupon.remaining < 0 {
                violations.append(
                    .init(
                        rule: "quota_adds_up", subject: coupon.name,
                        detail: "amount \(coupon.amount) - remaining_amount \(coupon.remaining) = \(difference), "
                            + "user_claims \(held), claims claimed \(claimed)"))
            }
            if !(0...max(0, coupon.amount)).contains(coupon.remaining) {
                violations.append(
                    .init(
                        rule: "remaining_is_within_amount", subject: coupon.name,
                        detail: "remaining_amount is \(coupon.remaining) of \(coupon.amount)"))
            }
            return violations
        }
    }

    /// The rules that some row breaks. Their statements find the rows.
    var brokenRules: [AuditRule] {
        let pairs = coupons.map { (totals.claimed[$0.name], totals.held[$0.id], $0.limit) }
        // Rows of coupons that do not exist match nothing.
        let isComplete =
            pairs.count(where: { $0.0 != nil }) == totals.claimed.count
            && pairs.count(where: { $0.1 != nil }) == totals.held.count
        let isMatching = pairs.allSatisfy { claimed, held, _ in
            claimed?.count ?? 0 == held?.count ?? 0 && claimed?.checksum ?? 0 == held?.checksum ?? 0
        }
        let hasGaps = totals.held.values.contains { $0.gaps > 0 }
        let isAboveLimit = pairs.contains { _, held, limit in held.map { $0.highestSlot > limit } ?? false }
        return (isAboveLimit ? [.limit] : []) + (hasGaps ? [.slots] : [])
            + (isComplete && isMatching ? [] : AuditRule.matching)
    }
}
