/// A rule over the raw rows. Its statement returns the subject and the detail of every violation.
///
/// The statements read whole tables. They run only if ``AuditedCoupons`` shows that there is a violation.
struct AuditRule: Hashable, Sendable {
    /// A stable word.
    let name: String
    let sql: String

    /// No user holds more than the highest limit that the coupon has had. A slot above the limit shows the candidates.
    static let limit = AuditRule(
        name: "nobody_exceeds_the_limit",
        sql: """
            select c.name, format('user %s holds %s of at most %s', u.user_id, count(*), c.per_user_limit)
            from (
                select distinct u.coupon_id, u.user_id from user_claims u join coupons c on c.id = u.coupon_id
                where u.slot > greatest(c.per_user_limit, c.former_user_limit)
            ) candidate
            join user_claims u using (coupon_id, user_id) join coupons c on c.id = u.coupon_id
            group by c.id, u.user_id having count(*) > greatest(c.per_user_limit, c.former_user_limit)
            """)

    /// A user's slots are 1, 2 … without gaps.
    static let slots = AuditRule(
        name: "slots_are_dense",
        sql: """
            select c.name, format('user %s holds %s, but the highest slot is %s', u.user_id, count(*), max(u.slot))
            from user_claims u left join coupons c on c.id = u.coupon_id
            group by c.id, u.coupon_id, u.user_id having max(u.slot) <> count(*)
            """)

    /// The claimed claims are exactly those that hold a coupon.
    static let matching = [
        AuditRule(
            name: "cancelled_claim_holds_nothing",
            sql: """
                select k.id, format('%s cancelled %s and still holds it', k.user_id, k.coupon_name)
                from user_claims u join claims k on k.id = u.claim_id where k.status = 'cancelled'
                """),
        AuditRule(
            name: "held_coupon_has_its_claim",
            sql: """
                select u.claim_id, format('held by %s, but its claim is %s of %s for %s', u.user_id,
                    coalesce(k.status, 'missing'), k.user_id, k.coupon_name)
                from user_claims u left join coupons c on c.id = u.coupon_id left join claims k on k.id = u.claim_id
                where k.status is distinct from 'claimed' or k.user_id <> u.user_id
                    or k.coupon_name is distinct from c.name
                """),
        AuditRule(
            name: "claim_has_its_held_coupon",
            sql: """
                select k.id, format('claimed %s for %s, but has no row in user_claims', k.coupon_name, k.user_id)
                from claims k where k.status = 'claimed'
                    and not exists (select from user_claims u where u.claim_id = k.id)
                """),
    ]
}
