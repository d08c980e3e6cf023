package import Postgres

/// Coupons in PostgreSQL, for the API and `claimctl`.
package struct CouponStore {
    /// The most holders that ``find(_:)`` returns.
    package static let claimedByLimit = 100

    let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// Creates a coupon.
    ///
    /// - Parameter operatorName: is recorded in the audit trail.
    /// - Returns: nil if a coupon of that name exists.
    package func create(_ new: NewCoupon, by operatorName: String) throws(PostgresError) -> Coupon? {
        let eligible = new.eligibleUsers ?? []
        let making = PostgresQuery(
            """
            with made as (
                insert into coupons (name, amount, remaining_amount, per_user_limit, starts_at, ends_at, is_restricted)
                values ($1, $2, $2, $3, $4, $5, $6)
                on conflict (name) do nothing
                returning *
            ), listed as (
                insert into eligible_users (coupon_id, user_id)
                select made.id, listed.user_id from made, (select distinct unnest($7) as user_id) as listed
            ), \(OperatorLog.recorded(
                .couponCreate, after: "made", subject: "made.name", operator: "$8", detail: "$9"))
            select \(Self.columns) from made
            """,
            [
                .text(new.name.description), .integer(new.amount), .integer(new.perUserLimit ?? 1),
                .timestamp(new.startsAt), .timestamp(new.endsAt), .boolean(new.eligibleUsers != nil),
                .texts(eligible.map(\.description)), .text(operatorName), .text(new.summary),
            ])
        let results = try connection.transaction([Self.longTimeout, making], within: Self.longAnswer)
        return Self.coupons(results[1]).first
    }

    /// Returns a coupon with its first holders; nil if it does not exist.
    package func find(_ name: CouponName) throws(PostgresError) -> Coupon? {
        let results = try connection.transaction(Self.finding(name))
        return Self.found(results[0], results[1])
    }

    /// The statements that select a coupon and its first holders. ``found(_:_:)`` reads their results.
    ///
    /// The planner does not know which coupon it is. With only `coupon_id = id` it expects the holders of an average coupon,
    /// and would sort all holders of a large one. The inner query is read in the order of the primary key, and may end with
    /// rows of the next coupon.
    static func finding(_ name: CouponName) -> [PostgresQuery] {
        let id = "(select id from coupons where name = $1)"
        return [
            PostgresQuery("select \(columns) from coupons where name = $1", [.text(name.description)]),
            PostgresQuery(
                """
                select user_id from (
                    select coupon_id, number, user_id from user_claims where coupon_id >= \(id)
                    order by coupon_id, number limit \(claimedByLimit)
                ) holders
                where coupon_id = \(id) order by coupon_id, number
                """, [.text(name.description)]),
        ]
    }

    static func found(_ rows: PostgresRows, _ holders: PostgresRows) -> Coupon? {
        guard var coupon = coupons(rows).first else { return nil }
        coupon.claimedBy = (0..<holders.count).compactMap { holders.text($0, 0) }
        return coupon
    }

    /// Returns whether a coupon exists.
    package func exists(_ name: CouponName) throws(PostgresError) -> Bool {
        try connection.execute("select from coupons where name = $1", [.text(name.description)]).count > 0
    }

    /// Returns the names and remaining amounts of the newest coupons.
    package func newestRemaining(atMost limit: Int) throws(PostgresError) -> [(name: CouponName, remaining: Int)] {
        let rows = try connection.execute(
            "select name, remaining_amount from coupons order by id desc limit $1", [.integer(limit)])
        return (0..<rows.count).compactMap { row in
            guard let name = rows.text(row, 0).flatMap(CouponName.init), let remaining = rows.integer(row, 1) else {
                return nil
            }
            return (name, remaining)
        }
    }

    /// Returns a page of coupons, ordered by name.
    ///
    /// - Parameters:
    ///   - search: a part of the normalised name; nil for all coupons.
    ///   - after: the last name of the previous page; nil for the first page.
    ///   - limit: the most coupons to return.
    package func list(search: String?, after: String?, limit: Int) throws(PostgresError) -> [Coupon] {
        Self.coupons(
            try connection.execute(
                """
                select \(Self.columns) from coupons
                where ($1::text is null or position($1 in name) > 0) and ($2::text is null or name > $2)
                order by name limit $3
                """, [.text(search), .text(after), .integer(limit)]))
    }

    /// Returns a page of a coupon's claims that are no longer pending, in the order of decision.
    ///
    /// Each status is read from the index on its own, up to a page, and the pages are merged.
    /// - Parameters:
    ///   - after: the number of the last claim of the previous page; nil for the first page.
    ///   - limit: the most claims to return.
    /// - Returns: each claim with its number; nil if the coupon does not exist.
    package func claims(
        of name: CouponName, status: ClaimStatus?, after: Int?, limit: Int
    ) throws(PostgresError) -> [(number: Int, claim: Claim)]? {
        let results = try connection.transaction([
            PostgresQuery("select from coupons where name = $1", [.text(name.description)]),
            Self.paging(name, statuses: status.map { [$0] } ?? ClaimStatus.allCases, after: after, limit: limit),
        ])
        guard results[0].count > 0 else { return nil }
        return Self.numbered(results[1])
    }

    /// The newest claims of a coupon and status among which those of one user are looked for.
    package static let searchedClaims = 100_000

    /// Returns the claims of one user for a coupon that are no longer pending, in the order of decision, 100 at most.
    ///
    /// Those that hold the coupon are found by an index. There is none for the others, so only the newest
    /// ``searchedClaims`` of each status are looked at.
    /// - Returns: each claim with its number; nil if the coupon does not exist.
    package func claims(
        of name: CouponName, by user: UserID
    ) throws(PostgresError) -> [(number: Int, claim: Claim)]? {
        let results = try connection.transaction([
            PostgresQuery("select from coupons where name = $1", [.text(name.description)]),
            PostgresQuery(
                """
                select \(ClaimStore.columns(of: "k")), k.number from claims k
                where k.id in (
                    select u.claim_id from user_claims u join coupons c on c.id = u.coupon_id
                    where c.name = $1 and u.user_id = $2
                    union all
                    select newest.id from unnest($3::text[]) as wanted(status) cross join lateral (
                        select id, user_id from claims
                        where coupon_name = $1 and status = wanted.status order by number desc limit $4
                    ) newest
                    where newest.user_id = $2
                )
                order by k.number limit 100
                """,
                [
                    .text(name.description), .text(user.description),
                    .texts(ClaimStatus.allCases.filter { $0 != .claimed && $0 != .pending }.map(\.rawValue)),
                    .integer(Self.searchedClaims),
                ]),
        ])
        guard results[0].count > 0 else { return nil }
        return Self.numbered(results[1])
    }

    private static func numbered(_ rows: PostgresRows) -> [(number: Int, claim: Claim)] {
        (0..<rows.count).compactMap { row in
            guard let claim = ClaimStore.claim(rows, row), let number = rows.integer(row, 8) else { return nil }
            return (number, claim)
        }
    }

    static func paging(_ name: CouponName, statuses: [ClaimStatus], after: Int?, limit: Int) -> PostgresQuery {
        PostgresQuery(
            """
            select page.* from unnest($2::text[]) as wanted(status) cross join lateral (
                select \(ClaimStore.columns(of: "k")), k.number from claims k
                where k.coupon_name = $1 and k.status = wanted.status and k.number > $3 order by k.number limit $4
            ) page
            order by page.number limit $4
            """,
            [.text(name.description), .texts(statuses.map(\.rawValue)), .integer(after ?? 0), .integer(limit)])
    }

    private static let columns = """
        name, amount, remaining_amount, per_user_limit, \(PostgresRows.milliseconds("starts_at")), \
        \(PostgresRows.milliseconds("ends_at")), is_restricted, \(PostgresRows.milliseconds("created_at"))
        """

    private static func coupons(_ rows: PostgresRows) -> [Coupon] {
        (0..<rows.count).compactMap { row in
            guard let name = rows.text(row, 0).flatMap(CouponName.init), let amount = rows.integer(row, 1),
                let remaining = rows.integer(row, 2), let limit = rows.integer(row, 3),
                let isRestricted = rows.boolean(row, 6), let createdAt = rows.timestamp(row, 7)
            else { return nil }
            return Coupon(
                name: name, amount: amount, remainingAmount: remaining, perUserLimit: limit,
                startsAt: rows.timestamp(row, 4), endsAt: rows.timestamp(row, 5), isRestricted: isRestricted,
                createdAt: createdAt)
        }
    }
}
