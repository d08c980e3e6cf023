package import Postgres
internal import RuntimeSupport

/// A change of the list of eligible users of a coupon.
package enum EligibleUsersChange: String, Sendable, CaseIterable {
    /// Replaces the list. Only these users may claim.
    case replace
    /// Adds users. If the coupon had no list, only these users may claim from now on.
    case add
    /// Removes users. They keep the coupons that they hold.
    case remove
    /// Removes the list. Every user may claim.
    case lift

    /// The most user ids in one change.
    package static let limit = 100_000
}

/// The list of eligible users after a change.
package struct EligibleUsers: Codable, Hashable, Sendable {
    package var couponName: CouponName
    /// Whether only the users on the list may claim.
    package var isRestricted: Bool
    /// The number of users on the list.
    package var count: Int

    enum CodingKeys: String, CodingKey {
        case couponName = "coupon_name"
        case isRestricted = "is_restricted"
        case count = "eligible_users"
    }
}

extension CouponStore {
    /// Changes the list of eligible users. The change applies to claims that are decided afterwards.
    ///
    /// The change is one transaction, so that no claim is decided by a partly changed list. It locks the coupon's row,
    /// which deciding waits for, only at the end.
    /// - Parameter users: at most ``EligibleUsersChange/limit``, empty for ``EligibleUsersChange/lift``. Duplicates count
    ///   once.
    /// - Parameter operatorName: is recorded in the audit trail.
    /// - Returns: nil if the coupon does not exist.
    package func changeEligibleUsers(
        of name: CouponName, _ change: EligibleUsersChange, _ users: [UserID], by operatorName: String
    ) throws(PostgresError) -> EligibleUsers? {
        let named = PostgresParameter.text(name.description)
        let listed = PostgresParameter.texts(users.map(\.description))
        let taken = PostgresQuery(
            """
            delete from eligible_users e using coupons c, (select distinct unnest($2) collate "C" as user_id) listed
            where c.name = $1 and e.coupon_id = c.id and e.user_id = listed.user_id
            """, [named, listed])
        let takenButThese = PostgresQuery(
            """
            delete from eligible_users e using (
                select c.id as coupon_id, o.user_id from coupons c join eligible_users o on o.coupon_id = c.id
                where c.name = $1
                except
                select c.id, unnest($2) collate "C" from coupons c where c.name = $1
            ) gone
            where e.coupon_id = gone.coupon_id and e.user_id = gone.user_id
            """, [named, listed])
        let added = PostgresQuery(
            """
            insert into eligible_users (coupon_id, user_id)
            select c.id, listed.user_id from coupons c, (select distinct unnest($2) as user_id) as listed
            where c.name = $1
            on conflict do nothing
            """, [named, listed])
        let steps =
            switch change {
            case .replace: [takenButThese, added]
            case .add: [added]
            case .remove: [taken]
            case .lift: [takenButThese]
            }
        let results = try connection.transaction(
            [
                Self.longTimeout,
                // Changes of one list are serialized.
                PostgresQuery("select pg_advisory_xact_lock(\(Self.listLock), hashtext($1))", [named]),
            ] + steps + [
                // Removing users does not change whether the coupon has a list.
                PostgresQuery(
                    """
                    update coupons set is_restricted = $2 where name = $1 and is_restricted <> $2 and $3
                    """, [named, .boolean(change != .lift), .boolean(change != .remove)]),
                PostgresQuery(
                    """
                    with coupon as (
                        select name from coupons where name = $1
                    ), \(OperatorLog.recorded(
                        .couponEligibleUsers, after: "coupon", subject: "coupon.name", operator: "$2", detail: "$3"))
                    select from coupon
                    """, [named, .text(operatorName), .text("\(change.rawValue) \(users.count.counted("user id"))")]),
                PostgresQuery(
                    """
                    select is_restricted, (select count(*) from eligible_users e where e.coupon_id = c.id)
                    from coupons c where name = $1
                    """, [named]),
            ], within: Self.longAnswer)
        guard let last = results.last, last.count > 0 else { return nil }
        return EligibleUsers(
            couponName: name, isRestricted: last.boolean(0, 0) == true, count: last.integer(0, 1) ?? 0)
    }

    /// Begins a transaction with a long list, which takes longer than the default timeout allows.
    static let longTimeout = PostgresQuery("select set_config('statement_timeout', $1, true)", [.text("30000")])
    /// How long the answer to such a transaction may take.
    static let longAnswer = Duration.seconds(40)

    /// The first half of the advisory lock's key. The second half is a hash of the coupon's name.
    private static let listLock = 726_583
}
