internal import Postgres

/// The invariants of the contract, checked over the raw rows as of one moment.
package struct Audit: Sendable {
    /// A rule that does not hold.
    package struct Violation: Codable, Hashable, Sendable {
        /// A stable word for the rule.
        package let rule: String
        /// The coupon, claim or queue.
        package let subject: String
        package let detail: String

        package init(rule: String, subject: String, detail: String) {
            self.rule = rule
            self.subject = subject
            self.detail = detail
        }
    }

    package let violations: [Violation]
    /// How many rows were checked.
    package let coupons: Int
    package let claims: Int
    /// The claims that should lie in the dead-letter queue.
    package let deadLettered: Set<String>

    /// Reads all rows.
    package init(_ connection: PostgresConnection) throws(PostgresError) {
        let snapshot = PostgresQuery("set transaction isolation level repeatable read, read only")
        let results = try connection.transaction(
            [snapshot, PostgresQuery(Self.counts), PostgresQuery(Self.dead)] + Self.rules.map { PostgresQuery($0.sql) })
        coupons = results[1].integer(0, 0) ?? 0
        claims = results[1].integer(0, 1) ?? 0
        deadLettered = Set((0..<results[2].count).compactMap { results[2].text($0, 0) })
        violations = zip(Self.rules, results.dropFirst(3)).flatMap { rule, rows in
            (0..<rows.count).map { row in
                Violation(rule: rule.name, subject: rows.text(row, 0) ?? "-", detail: rows.text(row, 1) ?? "")
            }
        }
    }

    private static let counts = """
        select (select count(*) from coupons), count(*) from claims
        """

    private static let dead = "select id from claims where status = 'dead_lettered'"

    /// Which of these claims read dead-lettered still.
    package static func stillDead(_ ids: Set<String>, _ connection: PostgresConnection) throws(PostgresError) -> Set<
        String
    > {
        let rows = try connection.execute("\(dead) and id = any($1)", [.texts(ids.sorted())])
        return Set((0..<rows.count).compactMap { rows.text($0, 0) })
    }

    /// Each statement gives the subject and the detail of every violation.
    private static let rules = [
        (
            name: "quota_adds_up",
            sql: """
            with held as (select coupon_id, count(*) as n from user_claims group by coupon_id),
            claimed as (select coupon_name, count(*) as n from claims where status = 'claimed' group by coupon_name)
            select c.name, format('amount %s - remaining_amount %s = %s, user_claims %s, claims claimed %s',
                c.amount, c.remaining_amount, c.amount - c.remaining_amount, coalesce(h.n, 0), coalesce(k.n, 0))
            from coupons c left join held h on h.coupon_id = c.id left join claimed k on k.coupon_name = c.name
            where c.amount - c.remaining_amount <> coalesce(h.n, 0)
                or coalesce(h.n, 0) <> coalesce(k.n, 0) or c.remaining_amount < 0
            order by c.name
            """
        ),
        (
            name: "nobody_exceeds_the_limit",
            sql: """
            select c.name, format('user %s holds %s of at most %s', u.user_id, count(*), c.per_user_limit)
            from user_claims u join coupons c on c.id = u.coupon_id
            group by c.id, u.user_id having count(*) > greatest(c.per_user_limit, c.former_user_limit)
            """
        ),
        (
            name: "slots_are_dense",
            sql: """
            select c.name, format('user %s holds %s, but the highest slot is %s', u.user_id, count(*), max(u.slot))
            from user_claims u left join coupons c on c.id = u.coupon_id
            group by c.id, u.coupon_id, u.user_id having max(u.slot) <> count(*)
            """
        ),
        (
            name: "cancelled_claim_holds_nothing",
            sql: """
            select k.id, format('%s gave %s back and still holds it', k.user_id, k.coupon_name)
            from user_claims u join claims k on k.id = u.claim_id where k.status = 'cancelled'
            """
        ),
        (
            name: "remaining_is_within_amount",
            sql: """
            select name, format('remaining_amount is %s of %s', remaining_amount, amount)
            from coupons where remaining_amount not between 0 and amount
            """
        ),
        (
            name: "held_coupon_has_its_claim",
            sql: """
            select u.claim_id, format('held by %s, but its claim is %s of %s for %s', u.user_id, k.status,
                k.user_id, k.coupon_name)
            from user_claims u join coupons c on c.id = u.coupon_id join claims k on k.id = u.claim_id
            where k.status <> 'claimed' or k.user_id <> u.user_id or k.coupon_name <> c.name
            """
        ),
        (
            name: "claim_has_its_held_coupon",
            sql: """
            select k.id, format('claimed %s for %s, but no row of user_claims says so', k.coupon_name, k.user_id)
            from claims k where k.status = 'claimed'
                and not exists (select from user_claims u where u.claim_id = k.id)
            """
        ),
    ]
}
