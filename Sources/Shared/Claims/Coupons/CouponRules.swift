/// The rules of a coupon as SQL conditions. The statement that decides claims and the one that explains eligibility are
/// both built from them, so that they agree.
///
/// The conditions refer to a row with the columns `coupon_id`, `user_id`, `created_at` (when the claim was accepted),
/// `starts_at`, `ends_at`, `is_restricted`, `per_user_limit`, `remaining_amount` and `held` (see ``held(by:)``).
package enum CouponRules {
    /// The conditions under which a claim is rejected independently of other claims. The first one that holds gives the
    /// reason.
    ///
    /// - Parameter row: the alias of the row.
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

    /// The quantity of the coupon that the user of the row holds.
    package static func held(by row: String) -> String {
        "(select count(*) from user_claims u where u.coupon_id = \(row).coupon_id and u.user_id = \(row).user_id)"
    }

    /// The condition that a claim is within the limit per user. Otherwise it is rejected as `already_claimed`.
    ///
    /// - Parameter nth: the number of the claim among those of its user in the same batch, from 1.
    package static func isWithinLimit(nth: String) -> String { "held + \(nth) <= per_user_limit" }

    /// The condition that a claim is within the remaining amount. Otherwise it is rejected as `sold_out`.
    ///
    /// - Parameter place: the number of the claim among those of the same batch that are within their limit, from 1.
    package static func isWithinAmount(place: String) -> String { "\(place) <= remaining_amount" }
}
