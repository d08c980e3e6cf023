import Claims
import Postgres

/// The statement that cancels claims: the claim becomes cancelled, and its coupon can be claimed again.
///
/// It runs in the same transaction as ``DecidingStatement``, after the same lock on the coupons. Cancelling a claim twice,
/// or one that holds no coupon, changes nothing.
enum CancellingStatement {
    static func query(for cancels: [ClaimMessage]) -> PostgresQuery {
        PostgresQuery(
            cancel,
            [.texts(cancels.map { String($0.id.digest) }), .texts(cancels.map(\.couponName.description))])
    }

    /// Returns a verdict for each cancel, in order.
    static func verdicts(_ rows: PostgresRows) -> [Verdict] {
        (0..<rows.count).map { row in
            guard let claim = ClaimStore.claim(rows, row, from: 1) else { return .nothingToCancel }
            return .decided(claim, wasDecidedBefore: rows.boolean(row, 0) == true)
        }
    }

    /// $1 digests of claim ids, $2 coupons; one element per cancel, in order.
    ///
    /// - `cancelled`: claims that hold their coupon; they become cancelled.
    /// - `freed`: their rows in `user_claims`, deleted.
    /// - `returned`: their coupons, with the freed amount added.
    /// - `kept`: the other rows of the same users and coupons.
    /// - `above`, `gaps`: kept slots that are now too high, and freed slots below. There are as many of one as of the
    ///   other.
    /// - `moved`: the high slots move into the gaps, so that a user's slots stay 1, 2 … without gaps. Numbering the gaps
    ///   needs all of `freed`, so the deletes precede the moves.
    ///
    /// The result has the columns of ``ClaimStore/columns`` after the first one. `in` and `not in` use a hash; a join
    /// would be a nested loop, since the planner does not know the number of rows.
    private static let cancel = """
        with input as materialized (
            select c.id, t.coupon_name collate "C" as coupon_name, ord,
                row_number() over (partition by digest order by ord) as nth
            from unnest($1::text[], $2::text[]) with ordinality as t(digest, coupon_name, ord)
                left join lateral (\(ClaimStore.lookUp(digest: "(t.digest collate \"C\")"))) c on true
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
