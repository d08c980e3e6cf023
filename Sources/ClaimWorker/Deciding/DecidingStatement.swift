import Claims
import Postgres

/// The one statement that decides claims: it applies every rule of a coupon, in the order of the claims.
enum DecidingStatement {
    /// Locks the coupons before the claims are decided, so that the next statement sees what other sessions committed.
    ///
    /// Every session locks them in the same order, so no two wait for each other.
    static func lock(_ coupons: Set<CouponName>) -> PostgresQuery {
        PostgresQuery(lock, [.texts(coupons.map(\.description))])
    }

    static func query(for attempts: [ClaimAttempt]) -> PostgresQuery {
        PostgresQuery(
            decide,
            [
                .texts(attempts.map(\.claim.id.description)), .texts(attempts.map(\.claim.userID.description)),
                .texts(attempts.map(\.claim.couponName.description)), .integers(attempts.map(\.number)),
                .timestamps(attempts.map(\.claim.createdAt)),
            ])
    }

    /// Returns a verdict for each claim, in order. A repeated id has the outcome of its first claim.
    static func verdicts(_ rows: PostgresRows, of attempts: [ClaimAttempt]) -> [Verdict] {
        attempts.indices.map { row in
            let wasDecidedBefore = rows.boolean(row, 0) == true
            if wasDecidedBefore, let claim = ClaimStore.claim(rows, row, from: 1) {
                return .decided(claim, wasDecidedBefore: true)
            }
            // The other columns of a new claim repeat the message.
            var claim = attempts[row].claim.pendingClaim
            claim.attempts = attempts[row].number
            // Null if another session changed the claim during the statement. The next try finds its outcome.
            claim.status = rows.text(row, 2).flatMap(ClaimStatus.init) ?? .pending
            claim.reason = rows.text(row, 3)
            claim.decidedAt = rows.timestamp(row, 8)
            return .decided(claim, wasDecidedBefore: wasDecidedBefore)
        }
    }

    /// $1 coupons.
    private static let lock = "select from coupons where name = any($1) order by id for no key update"

    private static let refusals = CouponRules.refusals(of: "f")
        .map { "when \($0.condition) then '\($0.reason.rawValue)'" }.joined(separator: "\n")
    private static let place = "count(*) filter (where asks) over (partition by coupon_id order by ord)"

    /// $1 claim ids, $2 users, $3 coupons, $4 attempts, $5 times of acceptance; one element per claim, in order.
    ///
    /// - `known`: claims that have a row, perhaps under the id of another day. All but the dead-lettered keep their outcome.
    /// - `fresh`: the others, each request once, with its coupon.
    /// - `ruled`: the rules that depend on the claim alone, and how many coupons the user holds.
    /// - `asking`: claims that no rule refuses are numbered per user; those within the user's limit ask for a coupon.
    /// - `placed`: those that ask are numbered per coupon; those within the remaining amount win.
    /// - `outcome`: a claim within the limit that does not win is sold_out, as is a later claim of that user.
    /// - `written`: claims whose row was written just now; only they get a coupon. In the same moment another lane may have
    ///   decided the same dead-lettered id under another coupon, or an operator's replay may have deleted its row. Then
    ///   there is no outcome, and the next try finds one.
    ///
    /// The result has the columns of ``ClaimStore/columns`` after the first one.
    private static let decide = """
        with input as materialized (
            select id collate "C" as id, \(ClaimStore.digest(of: "id")) as digest, user_id collate "C" as user_id,
                coupon_name collate "C" as coupon_name, attempts, created_at, ord
            from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
                with ordinality as t(id, user_id, coupon_name, attempts, created_at, ord)
        ), moment as materialized (
            select clock_timestamp()::timestamptz(3) as now
        ), known as materialized (
            select asked.digest, c.*
            from (select distinct digest from input) asked
                cross join lateral (\(ClaimStore.lookUp(digest: "asked.digest"))) c
        ), fresh as (
            select distinct on (i.digest) i.*, k.id as coupon_id, k.remaining_amount, k.per_user_limit, k.starts_at,
                k.ends_at, k.is_restricted
            from input i left join coupons k on k.name = i.coupon_name
            where not exists (
                select from known where known.digest = i.digest and known.status <> 'dead_lettered')
            order by i.digest, i.ord
        ), ruled as materialized (
            select f.*,
                case
                    when coupon_id is null then 'coupon_not_found'
                    \(refusals)
                end as refusal,
                \(CouponRules.held(by: "f")) as held
            from fresh f
        ), asking as (
            select *, refusal is null and \(CouponRules.isWithinLimit(nth: "nth")) as asks
            from (
                select *, row_number() over (partition by coupon_id, user_id, refusal is null order by ord) as nth
                from ruled
            ) numbered
        ), placed as (
            select *, asks and \(CouponRules.isWithinAmount(place: place)) as wins
            from asking
        ), outcome as materialized (
            select *, case
                when wins then null
                when refusal is not null then refusal
                when asks then 'sold_out'
                when held + count(*) filter (where wins) over (partition by coupon_id, user_id) >= per_user_limit
                    then 'already_claimed'
                else 'sold_out'
            end as reason
            from placed
        ), inserted as (
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select id, case when wins then 'claimed' else 'rejected' end, reason, user_id, coupon_name, attempts,
                created_at, now
            from outcome, moment
            where not exists (select from known where known.digest = outcome.digest)
            order by ord
            returning id
        ), revived as (
            update claims c
            set status = case when wins then 'claimed' else 'rejected' end, reason = o.reason, user_id = o.user_id,
                coupon_name = o.coupon_name, attempts = o.attempts, created_at = o.created_at, decided_at = now
            from (
                -- Offset 0 keeps the planner from looking up every claim here again: few claims are known.
                select known.id as row_id, outcome.* from known join outcome using (digest)
                where known.status = 'dead_lettered' offset 0
            ) o cross join moment
            where c.id = o.row_id and c.status = 'dead_lettered'
            returning c.id
        ), written as materialized (
            select o.*, w.id as row_id
            from outcome o join (select id from inserted union all select id from revived) w
                on \(ClaimStore.digest(of: "w.id")) = o.digest
        ), given as (
            insert into user_claims (coupon_id, user_id, slot, claim_id)
            select coupon_id, user_id, held + nth, row_id from written where wins order by ord
        ), sold as (
            update coupons c set remaining_amount = c.remaining_amount - won.count
            from (select coupon_id, count(*) as count from written where wins group by coupon_id) won
            where c.id = won.coupon_id
        )
        select
            o.id is null or o.ord <> i.ord, i.id,
            case when o.id is null then nullif(n.status, 'dead_lettered') when o.wins then 'claimed' else 'rejected' end,
            case when o.id is null then n.reason else o.reason end,
            coalesce(o.user_id, n.user_id), coalesce(o.coupon_name, n.coupon_name), coalesce(o.attempts, n.attempts),
            \(PostgresRows.milliseconds("coalesce(o.created_at, n.created_at)")),
            \(PostgresRows.milliseconds("case when o.id is null then n.decided_at else now end"))
        from input i cross join moment left join written o using (digest) left join known n using (digest)
        order by i.ord
        """
}
