import Claims
import Postgres

/// The statement that gives back what claims got: the claim becomes cancelled, its coupon can be claimed again.
///
/// It runs in the transaction that ``DecidingStatement`` runs in, behind the same lock on the coupons. Cancelling twice
/// changes nothing the second time, and neither does cancelling what holds nothing.
enum CancellingStatement {
    static func query(for cancels: [ClaimMessage]) -> PostgresQuery {
        PostgresQuery(
            cancel,
            [.texts(cancels.map(\.id.description)), .texts(cancels.map(\.couponName.description))])
    }

    /// What became of the claims, in the order of their cancels: nil for one that has no row.
    static func outcomes(_ rows: PostgresRows) -> [(claim: Claim, wasDecidedBefore: Bool)?] {
        (0..<rows.count).map { row in
            guard let id = rows.text(row, 1).flatMap(ClaimID.init),
                let status = rows.text(row, 2).flatMap(ClaimStatus.init)
            else { return nil }
            let claim = Claim(
                id: id, status: status, reason: rows.text(row, 3), userID: rows.text(row, 4).flatMap(UserID.init),
                couponName: rows.text(row, 5).flatMap(CouponName.init), attempts: rows.integer(row, 6) ?? 0,
                createdAt: rows.timestamp(row, 7), decidedAt: rows.timestamp(row, 8))
            return (claim, rows.boolean(row, 0) == true)
        }
    }

    /// $1 claim ids, $2 coupons; one element a cancel, in order.
    ///
    /// - `cancelled`: claims that hold their coupon, and no longer will.
    /// - `freed`: the rows that say so.
    /// - `returned`: their coupons have one more each.
    /// - `kept`: what the same users hold besides.
    /// - `above`, `gaps`: slots that are too high now, and freed ones below. They are as many as each other.
    /// - `moved`: the high ones take the freed ones' place, so that a user's slots stay 1, 2 … without gaps. All rows
    ///   are deleted by then, since numbering the gaps takes all of them.
    ///
    /// `in` and `not in` are looked up by hash; a join would compare each with each, as nobody can tell the planner how
    /// many there are.
    private static let cancel = """
        with input as materialized (
            select id collate "C" as id, coupon_name collate "C" as coupon_name, ord,
                row_number() over (partition by id order by ord) as nth
            from unnest($1::text[], $2::text[]) with ordinality as t(id, coupon_name, ord)
        ), moment as materialized (
            select clock_timestamp()::timestamptz(3) as now
        ), cancelled as (
            update claims c set status = 'cancelled', decided_at = now
            from input i cross join moment
            where i.nth = 1 and c.id = i.id and c.coupon_name = i.coupon_name and c.status = 'claimed'
            returning c.id
        ), freed as (
            delete from user_claims u using cancelled where u.claim_id = cancelled.id
            returning u.coupon_id, u.user_id, u.slot
        ), returned as (
            update coupons c set remaining_amount = c.remaining_amount + f.count
            from (select coupon_id, count(*) as count from freed group by coupon_id) f
            where c.id = f.coupon_id
        ), kept as (
            select u.coupon_id, u.user_id, u.number, u.slot,
                count(*) over (partition by u.coupon_id, u.user_id) as count
            from user_claims u join (select distinct coupon_id, user_id from freed) f using (coupon_id, user_id)
            where u.claim_id not in (select id from cancelled)
        ), above as (
            select *, row_number() over (partition by coupon_id, user_id order by slot) as nth
            from kept where slot > count
        ), gaps as (
            select coupon_id, user_id, slot, row_number() over (partition by coupon_id, user_id order by slot) as nth
            from freed
        ), moved as (
            update user_claims u set slot = g.slot
            from above a join gaps g using (coupon_id, user_id, nth)
            where u.coupon_id = a.coupon_id and u.number = a.number
        )
        select
            not is_done or i.nth > 1, c.id, case when is_done then 'cancelled' else c.status end, c.reason, c.user_id,
            c.coupon_name, c.attempts, \(PostgresRows.milliseconds("c.created_at")),
            \(PostgresRows.milliseconds("case when is_done then now else c.decided_at end"))
        from (select *, id in (select id from cancelled) as is_done from input) i cross join moment
            left join claims c on c.id = i.id
        order by i.ord
        """
}
