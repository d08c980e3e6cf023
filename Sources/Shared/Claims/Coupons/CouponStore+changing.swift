package import Postgres
package import RuntimeSupport

extension CouponStore {
    /// Changes a coupon. The change applies to claims that are decided afterwards.
    ///
    /// - Parameter operatorName: is recorded in the audit trail.
    package func change(
        _ name: CouponName, _ change: CouponChange, by operatorName: String
    ) throws(PostgresError) -> CouponChange.Outcome {
        let results = try connection.transaction(
            [
                // The lock comes first, so that the next statement sees all claims decided before it.
                PostgresQuery(
                    "select from coupons where name = $1 for no key update", [.text(name.description)]),
                PostgresQuery(
                    Self.changing,
                    [
                        .text(name.description), .integer(change.amount), .integer(change.perUserLimit),
                        .boolean(change.startsAt != nil), .timestamp(change.startsAt ?? nil),
                        .boolean(change.endsAt != nil), .timestamp(change.endsAt ?? nil), .text(operatorName),
                        .text(change.summary),
                    ]),
            ] + Self.finding(name))
        guard results[1].count > 0 else { return .noSuchCoupon }
        if results[1].boolean(0, 0) == true {
            return .amountBelowClaimed(claimed: results[1].integer(0, 2) ?? 0)
        }
        if results[1].boolean(0, 1) == true { return .endsBeforeStart }
        return Self.found(results[2], results[3]).map { .changed($0) } ?? .noSuchCoupon
    }

    /// $1 name, $2 amount, $3 limit, $4 whether the start changes, $5 new start, $6 whether the end changes, $7 new end,
    /// $8 operator, $9 summary.
    private static let changing = """
        with wanted as materialized (
            select id, coalesce($2, amount) as amount, amount - remaining_amount as claimed,
                coalesce($3, per_user_limit) as per_user_limit,
                case when $4 then $5 else starts_at end as starts_at, case when $6 then $7 else ends_at end as ends_at
            from coupons where name = $1
        ), judged as materialized (
            select *, amount < claimed as is_below, coalesce(ends_at <= starts_at, false) as is_reversed from wanted
        ), changed as (
            update coupons c
            set amount = w.amount, remaining_amount = w.amount - w.claimed, per_user_limit = w.per_user_limit,
                former_user_limit = case when w.per_user_limit < c.per_user_limit
                    then greatest(c.per_user_limit, c.former_user_limit) else c.former_user_limit end,
                starts_at = w.starts_at, ends_at = w.ends_at
            from judged w
            where c.id = w.id and not w.is_below and not w.is_reversed
            returning c.name
        ), \(OperatorLog.recorded(
            .couponChange, after: "changed", subject: "changed.name", operator: "$8", detail: "$9"))
        select is_below, is_reversed, claimed from judged
        """

    /// Returns all reasons for which a claim of this user would be rejected. The first is the one that the claim would
    /// get; there is none if the claim would succeed.
    ///
    /// - Parameter time: when the claim would be accepted.
    /// - Returns: nil if the coupon does not exist.
    package func rejections(
        of user: UserID, claiming name: CouponName, at time: Timestamp
    ) throws(PostgresError) -> [Rejection]? {
        let rows = try connection.execute(
            Self.explaining, [.text(name.description), .text(user.description), .timestamp(time)])
        guard rows.count > 0 else { return nil }
        return rows.text(0, 0)?.split(separator: " ").compactMap { Rejection(rawValue: String($0)) } ?? []
    }

    /// $1 name, $2 user, $3 time of acceptance.
    private static let explaining = {
        let conditions =
            CouponRules.refusals(of: "f") + [
                (.alreadyClaimed, "not (\(CouponRules.isWithinLimit(nth: "1")))"),
                (.soldOut, "not (\(CouponRules.isWithinAmount(place: "1")))"),
            ]
        let reasons = conditions.map { "case when \($0.condition) then '\($0.reason.rawValue)' end" }
        return """
            with asked as (
                select id as coupon_id, $2::text collate "C" as user_id, $3::timestamptz as created_at, starts_at, ends_at,
                    is_restricted, per_user_limit, remaining_amount
                from coupons where name = $1
            ), f as (
                select *, \(CouponRules.held(by: "asked")) as held from asked
            )
            select concat_ws(' ', \(reasons.joined(separator: ", "))) from f
            """
    }()
}
