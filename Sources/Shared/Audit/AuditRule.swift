/// A rule over the raw rows. Its statement returns the subject and the detail of every violation.
struct AuditRule: Sendable {
    /// A stable word.
    let name: String
    let sql: String

    static let all = [
        AuditRule(
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
        AuditRule(
            name: "nobody_exceeds_the_limit",
            sql: """
                select c.name, format('user %s holds %s of at most %s', u.user_id, count(*), c.per_user_limit)
                from user_claims u join coupons c on c.id = u.coupon_id
                group by c.id, u.user_id having count(*) > greatest(c.per_user_limit, c.former_user_limit)
                """
        ),
        AuditRule(
            name: "slots_are_dense",
            sql: """
                select c.name, format('user %s holds %s, but the highest slot is %s', u.user_id, count(*), max(u.slot))
                from user_claims u left join coupons c on c.id = u.coupon_id
                group by c.id, u.coupon_id, u.user_id having max(u.slot) <> count(*)
                """
        ),
        AuditRule(
            name: "cancelled_claim_holds_nothing",
            sql: """
                select k.id, format('%s cancelled %s and still holds it', k.user_id, k.coupon_name)
                from user_claims u join claims k on k.id = u.claim_id where k.status = 'cancelled'
                """
        ),
        AuditRule(
            name: "remaining_is_within_amount",
            sql: """
                select name, format('remaining_amount is %s of %s', remaining_amount, amount)
                from coupons where remaining_amount not between 0 and amount
                """
        ),
        AuditRule(
            name: "held_coupon_has_its_claim",
            sql: """
                select u.claim_id, format('held by %s, but its claim is %s of %s for %s', u.user_id, k.status,
                    k.user_id, k.coupon_name)
                from user_claims u join coupons c on c.id = u.coupon_id join claims k on k.id = u.claim_id
                where k.status <> 'claimed' or k.user_id <> u.user_id or k.coupon_name <> c.name
                """
        ),
        AuditRule(
            name: "claim_has_its_held_coupon",
            sql: """
                select k.id, format('claimed %s for %s, but has no row in user_claims', k.coupon_name, k.user_id)
                from claims k where k.status = 'claimed'
                    and not exists (select from user_claims u where u.claim_id = k.id)
                """
        ),
    ]
}
