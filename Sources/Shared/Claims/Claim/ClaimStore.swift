package import Postgres
internal import RuntimeSupport

/// Claims in PostgreSQL: those that are no longer pending.
package struct ClaimStore {
    private let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// Returns the stored claim; nil if it is pending or was never accepted.
    package func find(_ id: ClaimID) throws(PostgresError) -> Claim? {
        try find([id])[id]
    }

    /// Returns the stored claims of these ids. Pending and unknown ones are left out.
    package func find(_ ids: [ClaimID]) throws(PostgresError) -> [ClaimID: Claim] {
        Self.found(try connection.transaction([Self.finding(ids)])[0])
    }

    /// Records claims as dead-lettered, unless they are decided.
    ///
    /// - Returns: each claim as stored: dead-lettered, or as it was decided before.
    package func recordDeadLettered(_ claims: [Claim]) throws(PostgresError) -> [Claim] {
        let results = try connection.transaction(
            claims.flatMap { claim in
                [
                    Self.upsert(claim, as: .deadLettered, replacing: [.deadLettered], at: .serverClock),
                    Self.finding([claim.id]),
                ]
            })
        return claims.indices.map { Self.claim(results[$0 * 2 + 1], 0) ?? claims[$0] }
    }

    // MARK: SQL

    /// The statement that looks up claims by their ids, in ``columns``. A claim may be stored under the id of another day.
    package static func finding(_ ids: [ClaimID]) -> PostgresQuery {
        PostgresQuery(
            """
            select \(columns) from (select distinct digest collate "C" as digest from unnest($1::text[]) as t(digest)) asked
                cross join lateral (\(lookUp(digest: "asked.digest"))) c
            """, [.texts(ids.map { String($0.digest) })])
    }

    /// Returns the claims in the result of ``finding(_:)``.
    package static func found(_ rows: PostgresRows) -> [ClaimID: Claim] {
        let claims = (0..<rows.count).compactMap { claim(rows, $0) }
        return Dictionary(claims.map { ($0.id, $0) }) { first, _ in first }
    }

    /// SQL: the digest of a claim id.
    package static func digest(of id: String) -> String { "left(\(id), \(ClaimID.digestLength))" }

    /// SQL: the row of the claim with a digest. It reads a range of the primary key: `w` comes after all digits of an id.
    package static func lookUp(digest: String) -> String {
        """
        select id, status, reason, user_id, coupon_name, attempts, created_at, decided_at
        from claims where id >= \(digest) and id < \(digest) || 'w' order by id limit 1
        """
    }

    /// The time that a row is decided at.
    package enum DecisionTime {
        case serverClock
        /// The claim's own `decidedAt`.
        case claim
    }

    /// The statement that stores a claim which was not decided by a worker: dead-lettered or discarded. It returns the
    /// row in ``columns``, or none if the stored claim keeps its status.
    ///
    /// One statement for each claim: they are few, and an unreadable one lacks values that arrays can't leave out.
    /// - Parameters:
    ///   - status: the new status.
    ///   - replaced: the statuses of stored claims that are overwritten.
    package static func upsert(
        _ claim: Claim, as status: ClaimStatus, replacing replaced: [ClaimStatus], at time: DecisionTime
    ) -> PostgresQuery {
        let decidedAt =
            switch time {
            case .serverClock: "coalesce($7::timestamptz, clock_timestamp())"
            case .claim: "$7::timestamptz"
            }
        return PostgresQuery(
            """
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select $1, $8, $2, $3, $4, $5, $6, \(decidedAt)
            -- The claim may be stored under the id of another day.
            where not exists (select from (\(lookUp(digest: digest(of: "$1::text")))) known where known.id <> $1)
            on conflict (id) do update
            set status = excluded.status, reason = excluded.reason, attempts = excluded.attempts,
                decided_at = excluded.decided_at
            where claims.status = any($9)
            returning \(columns)
            """,
            [
                .text(claim.id.description), .text(claim.reason), .text(claim.userID?.description),
                .text(claim.couponName?.description), .integer(claim.attempts), .timestamp(claim.createdAt),
                .timestamp(time == .claim ? claim.decidedAt : nil), .text(status.rawValue),
                .texts(replaced.map(\.rawValue)),
            ])
    }

    /// The columns that ``claim(_:_:from:)`` reads.
    package static let columns = columns(of: nil)

    /// The columns that ``claim(_:_:from:)`` reads, of a table alias.
    package static func columns(of alias: String?) -> String {
        let prefix = alias.map { "\($0)." } ?? ""
        let plain = ["id", "status", "reason", "user_id", "coupon_name", "attempts"].map { prefix + $0 }
        let times = ["created_at", "decided_at"].map { PostgresRows.milliseconds(prefix + $0) }
        return (plain + times).joined(separator: ", ")
    }

    /// Reads a claim out of a row; nil if there is no such row, or no claim in it.
    ///
    /// - Parameter first: the column that holds the id; the others of ``columns`` follow.
    package static func claim(_ rows: PostgresRows, _ row: Int, from first: Int = 0) -> Claim? {
        guard row < rows.count, let id = rows.text(row, first).flatMap(ClaimID.init),
            let status = rows.text(row, first + 1).flatMap(ClaimStatus.init)
        else { return nil }
        return Claim(
            id: id, status: status, reason: rows.text(row, first + 2),
            userID: rows.text(row, first + 3).flatMap(UserID.init),
            couponName: rows.text(row, first + 4).flatMap(CouponName.init),
            attempts: rows.integer(row, first + 5) ?? 0, createdAt: rows.timestamp(row, first + 6),
            decidedAt: rows.timestamp(row, first + 7))
    }
}
