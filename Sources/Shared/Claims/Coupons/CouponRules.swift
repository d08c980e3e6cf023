/// The rules by which a coupon is given, as SQL: the statement that decides claims and the one that explains who may
/// claim are both made of them, so that they can't disagree.
///
/// They speak of a row with the columns `coupon_id`, `user_id`, `created_at` (when the claim was accepted), `starts_at`,
/// `ends_at`, `is_restricted`, `per_user_limit`, `remaining_amount` and `held` (see ``held(by:)``).
package enum CouponRules {
    /// What turns a claim away by itself, whoever else claims. The first that applies is the claim's reason.
    ///
    /// - Parameter row: the row's alias.
    package static func refusals(of row: String) -> [(reason: Rejection, condition: String)] {
        [
            (.notStarted, "\(row).created_at < \(row).starts_at"),
            (.expired, "\(row).created_at >= \(row).ends_at"),
            (
                .notEligible,
                """
                \(row).is_restricted and not exists (
                    select from eligible_users e where e.coupon_id = \(row).coupon_id and e.user_id = \(row).user_id)
                """
            ),
        ]
    }

    /// How many of the coupon the row's user holds.
    package static func held(by row: String) -> String {
        "(select count(*) from user_claims u where u.coupon_id = \(row).coupon_id and u.user_id = \(row).user_id)"
    }

    /// Whether a claim is within what one user may hold; otherwise it is `already_claimed`.
    ///
    /// - Parameter nth: the number of the claim among those of its user that are decided together, from 1.
    package static func isWithinLimit(nth: String) -> String { "held + \(nth) <= per_user_limit" }

    /// Whether a claim is within what remains; otherwise it is `sold_out`.
    ///
    /// - Parameter place: the number of the claim among those that are decided together and within their limit, from 1.
    package static func isWithinAmount(place: String) -> String { "\(place) <= remaining_amount" }
}
