import Claims
import Postgres

/// The one statement that decides claims: every rule of a coupon, in the order in which the claims came.
enum DecidingStatement {
    /// Locks the coupons first, in one order for everybody, so that the next statement sees what others committed.
    static func lock(_ coupons: Set<CouponName>) -> PostgresQuery {
        PostgresQuery(lock, [.texts(coupons.map(\.description))])
    }

    static func query(for jobs: [(claim: ClaimMessage, attempt: Int)]) -> PostgresQuery {
        PostgresQuery(
            decide,
            [
                .texts(jobs.map(\.claim.id.description)), .texts(jobs.map(\.claim.userID.description)),
                .texts(jobs.map(\.claim.couponName.description)), .integers(jobs.map(\.attempt)),
                .timestamps(jobs.map(\.claim.createdAt)),
            ])
    }

    /// What became of the claims, in their order. A message that is not the first of its id has the first one's outcome.
    static func outcomes(
        _ rows: PostgresRows, of jobs: [(claim: ClaimMessage, attempt: Int)]
    ) -> [(claim: Claim, wasDecidedBefore: Bool)] {
        jobs.indices.map { row in
            let job = jobs[row]
            var claim = job.claim.pendingClaim
            // Null where somebody else was quicker; the next look finds what is so now.
            claim.status = rows.text(row, 1).flatMap(ClaimStatus.init) ?? .pending
            claim.reason = rows.text(row, 2)
            claim.decidedAt = rows.timestamp(row, 3)
            claim.attempts = job.attempt
            guard rows.boolean(row, 0) == true else { return (claim, false) }
            claim.userID = rows.text(row, 4).flatMap(UserID.init)
            claim.couponName = rows.text(row, 5).flatMap(CouponName.init)
            claim.attempts = rows.integer(row, 6) ?? job.attempt
            claim.createdAt = rows.timestamp(row, 7)
            return (claim, true)
        }
    }

    /// $1 coupons.
    private static let lock = "select from coupons where name = any($1) order by id for no key update"

    private static let refusals = CouponRules.refusals(of: "f")
        .map { "when \($0.condition) then '\($0.reason.rawValue)'" }.joined(separator: "\n")
    private static let place = "count(*) filter (where asks) over (partition by coupon_id order by ord)"

    /// $1 claim ids, $2 users, $3 coupons, $4 attempts, $5 times of acceptance; one element a claim, in order.
    ///
    /// - `known`: claims that have a row. All but the dead-lettered keep their outcome.
    /// - `fresh`: the others, each id once, with its coupon.
    /// - `ruled`: the rules that look at the claim alone, and how many the user holds.
    /// - `asking`: claims that no rule of theirs turns away get a number for their user, the first within the limit
    ///   ask for a coupon.
    /// - `placed`: those that ask get a number for their coupon, the first within what remains win.
    /// - `outcome`: who was within the limit and lost is sold_out, and so is who came after a loss of their own.
    /// - `written`: those whose row was written just now; only for them a coupon is given. In this moment another lane
    ///   may have decided the same dead-lettered id under another coupon, or an operator's replay taken its row away;
    ///   then there is no outcome, and the next look finds one.
    private static let decide = """
        with input as materialized (
            select id collate "C" as id, user_id collate "C" as user_id, coupon_name collate "C" as coupon_name,
                attempts, created_at, ord
            from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
                with ordinality as t(id, user_id, coupon_name, attempts, created_at, ord)
        ), moment as materialized (
            select clock_timestamp()::timestamptz(3) as now
        ), known as materialized (
            select id, status, reason, user_id, coupon_name, attempts, created_at, decided_at
            from claims where id = any($1)
        ), fresh as (
            select distinct on (i.id) i.*, k.id as coupon_id, k.remaining_amount, k.per_user_limit, k.starts_at,
                k.ends_at, k.is_restricted
            from input i left join coupons k on k.name = i.coupon_name
            where not exists (select from known where known.id = i.id and known.status <> 'dead_lettered')
            order by i.id, i.ord
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
            where not exists (select from known where known.id = outcome.id)
            order by ord
            returning id
        ), revived as (
            update claims c
            set status = case when wins then 'claimed' else 'rejected' end, reason = o.reason, user_id = o.user_id,
                coupon_name = o.coupon_name, attempts = o.attempts, created_at = o.created_at, decided_at = now
            from outcome o join known on known.id = o.id cross join moment
            where c.id = o.id and c.status = 'dead_lettered'
            returning c.id
        ), written as materialized (
            select o.* from outcome o where o.id in (select id from inserted union all select id from revived)
        ), given as (
            insert into user_claims (coupon_id, user_id, slot, claim_id)
            select coupon_id, user_id, held + nth, id from written where wins order by ord
        ), sold as (
            update coupons c set remaining_amount = c.remaining_amount - won.count
            from (select coupon_id, count(*) as count from written where wins group by coupon_id) won
            where c.id = won.coupon_id
        )
        select
            o.id is null or o.ord <> i.ord,
            case when o.id is null then nullif(n.status, 'dead_lettered') when o.wins then 'claimed' else 'rejected' end,
            case when o.id is null then n.reason else o.reason end,
            \(PostgresRows.milliseconds("case when o.id is null then n.decided_at else now end")),
            coalesce(o.user_id, n.user_id), coalesce(o.coupon_name, n.coupon_name), coalesce(o.attempts, n.attempts),
            \(PostgresRows.milliseconds("coalesce(o.created_at, n.created_at)"))
        from input i cross join moment left join written o on o.id = i.id left join known n on n.id = i.id
        order by i.ord
        """
}
