package import Postgres

/// Moves finished claims of coupons that ended long ago out of the tables, in small batches.
///
/// Each batch keeps the invariant of the tables: `amount - remaining_amount` is the number of rows in `user_claims`, and of
/// claims that hold a coupon. So a batch of holders lowers `amount`; `coupons_archive` has the original one. A
/// dead-lettered claim stays, and with it its coupon, until it is replayed or discarded.
package struct ClaimArchive {
    private let connection: PostgresConnection
    /// Days from the end of a coupon, and from the decision of a claim.
    private let days: Int

    /// The most claims that one transaction moves, but for further coupons of the last user.
    package static let batch = 1000

    package init(_ connection: PostgresConnection, days: Int) {
        self.connection = connection
        self.days = days
    }

    /// A coupon that ended before the retention period.
    package struct DueCoupon: Hashable, Sendable {
        package let id: Int
        package let name: String
    }

    /// Returns the next coupons that are due, in the order of their ids.
    package func dueCoupons(after id: Int, limit: Int) throws(PostgresError) -> [DueCoupon] {
        let rows = try connection.execute(
            "select id, name from coupons where id > $2 and ends_at < \(Self.cutoff) order by id limit $3",
            [.integer(days), .integer(id), .integer(limit)])
        return (0..<rows.count).compactMap { row in
            guard let id = rows.integer(row, 0), let name = rows.text(row, 1) else { return nil }
            return DueCoupon(id: id, name: name)
        }
    }

    /// Moves claims that hold no coupon: rejected, cancelled and discarded ones.
    ///
    /// - Parameter coupon: the name of their coupon; nil for claims without one, whose message was unreadable.
    /// - Returns: how many were moved. Fewer than ``batch`` means that no more are due.
    package func moveClaims(of coupon: String?) throws(PostgresError) -> Int {
        let condition = coupon == nil ? "coupon_name is null and $3::text is null" : "coupon_name = $3"
        return try count(
            """
            with due as (
                select id from claims
                where \(condition) and status in ('rejected', 'cancelled', 'discarded') and decided_at < \(Self.cutoff)
                limit $2 for update skip locked
            ), moved as (
                delete from claims c using due where c.id = due.id returning c.*
            ), \(Self.archived) select count(*) from archived
            """, [.integer(days), .integer(Self.batch), .text(coupon)])
    }

    /// Moves claims that hold a coupon, all of a user's together, so that the slots of a user stay without gaps.
    ///
    /// - Parameter user: the last user of the previous batch; nil for the first one.
    /// - Returns: how many were moved, and the last user; nil if there are no further users.
    package func moveHolders(
        of coupon: DueCoupon, after user: String?
    ) throws(PostgresError) -> (moved: Int, lastUser: String?) {
        let results = try connection.transaction([
            PostgresQuery("select from coupons where id = $1 for no key update", [.integer(coupon.id)]),
            PostgresQuery(
                """
                insert into coupons_archive (coupon_id, name, amount, remaining_amount, ends_at)
                select id, name, amount, remaining_amount, ends_at from coupons where id = $1 on conflict do nothing
                """, [.integer(coupon.id)]),
            PostgresQuery(
                """
                with users as materialized (
                    select distinct user_id from (
                        select user_id from user_claims where coupon_id = $3 and user_id > $4
                        order by user_id, slot limit $2
                    ) page
                ), held as materialized (
                    select u.number, u.user_id, u.claim_id from users
                        cross join lateral (
                            select * from user_claims where coupon_id = $3 and user_id = users.user_id offset 0
                        ) u
                ), kept as materialized (
                    select distinct held.user_id from held left join claims k on k.id = held.claim_id
                    where k.status is distinct from 'claimed' or k.decided_at >= \(Self.cutoff)
                ), freed as (
                    delete from user_claims u using held
                    where u.coupon_id = $3 and u.number = held.number and held.user_id not in (select user_id from kept)
                    returning u.claim_id
                ), lowered as (
                    update coupons set amount = amount - (select count(*) from freed)
                    where id = $3 and exists (select from freed)
                ), moved as (
                    delete from claims c using freed where c.id = freed.claim_id returning c.*
                ), \(Self.archived) select count(*), (select max(user_id) from users) from archived
                """, [.integer(days), .integer(Self.batch), .integer(coupon.id), .text(user ?? "")]),
        ])
        return (results[2].integer(0, 0) ?? 0, results[2].text(0, 1))
    }

    /// Deletes a coupon that has no claims any more. `coupons_archive` keeps its amounts.
    ///
    /// - Returns: false if it has claims that are not due.
    package func remove(_ coupon: DueCoupon) throws(PostgresError) -> Bool {
        let results = try connection.transaction([
            // The next statement sees what a worker has committed before it gave up this lock.
            PostgresQuery("select from coupons where id = $1 for update", [.integer(coupon.id)]),
            PostgresQuery(
                """
                with removed as (
                    delete from coupons c where id = $2 and ends_at < \(Self.cutoff)
                        and not exists (select from user_claims where coupon_id = c.id)
                        and not exists (select from claims where coupon_name = c.name)
                    returning *
                ), archived as (
                    insert into coupons_archive (coupon_id, name, amount, remaining_amount, ends_at)
                    select id, name, amount, remaining_amount, ends_at from removed on conflict do nothing
                ) select from removed
                """, [.integer(days), .integer(coupon.id)]),
        ])
        return results[1].count > 0
    }

    /// Deletes eligible users of a coupon that is over. All its claims are rejected as expired in any case.
    ///
    /// - Returns: how many were deleted. Fewer than ``batch`` means that there are no more.
    package func dropEligibleUsers(of coupon: DueCoupon) throws(PostgresError) -> Int {
        try count(
            """
            with dropped as (
                delete from eligible_users where coupon_id = $1
                    and user_id in (select user_id from eligible_users where coupon_id = $1 limit $2)
                returning user_id
            ) select count(*) from dropped
            """, [.integer(coupon.id), .integer(Self.batch)])
    }

    /// Returns the next coupon names of claims, in order, each with whether the coupon exists.
    package func couponNames(
        after name: String, limit: Int
    ) throws(PostgresError) -> [(name: String, exists: Bool)] {
        // Skips from one name to the next one in the index.
        let rows = try connection.execute(
            """
            with recursive names as (
                (select coupon_name as name, 1 as nth from claims where coupon_name > $1 order by coupon_name limit 1)
                union all
                select next.coupon_name, nth + 1 from names cross join lateral (
                    select coupon_name from claims where coupon_name > names.name order by coupon_name limit 1) next
                where nth < $2
            )
            select name, exists (select from coupons where coupons.name = names.name) from names
            """, [.text(name), .integer(limit)])
        return (0..<rows.count).compactMap { row in
            rows.text(row, 0).map { (name: $0, exists: rows.boolean(row, 1) == true) }
        }
    }

    /// Deletes archived claims after their time in the archive.
    ///
    /// - Returns: how many were deleted. Fewer than ``batch`` means that no more are due.
    package func drop(after archiveDays: Int) throws(PostgresError) -> Int {
        try count(
            """
            with due as (
                select id from claims_archive where archived_at < \(Self.cutoff) order by archived_at limit $2
            ), dropped as (
                delete from claims_archive a using due where a.id = due.id returning a.id
            ) select count(*) from dropped
            """, [.integer(archiveDays), .integer(Self.batch)])
    }

    /// Lets only one worker archive at a time. The lock ends with the connection.
    package func lock() throws(PostgresError) -> Bool {
        try connection.execute("select pg_try_advisory_lock(\(Self.lockKey))").boolean(0, 0) == true
    }

    private func count(_ sql: String, _ parameters: [PostgresParameter]) throws(PostgresError) -> Int {
        try connection.execute(sql, parameters).integer(0, 0) ?? 0
    }

    /// The number of the advisory lock: "claims" in ASCII.
    private static let lockKey = 0x636c_6169_6d73
    /// The begin of a day in UTC. A claim from before it has an id of an earlier day, so that the API knows that it is gone.
    private static let cutoff = "date_trunc('day', now()) - make_interval(days => $1::int)"
    private static let archived = """
        archived as (
            insert into claims_archive (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select id, status, reason, user_id, coupon_name, attempts, created_at, decided_at from moved
            on conflict (id) do nothing
            returning id
        )
        """
}
