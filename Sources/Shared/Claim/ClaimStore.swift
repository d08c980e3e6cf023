/// Claims in PostgreSQL: those that are no longer pending.
package struct ClaimStore {
    private let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// What became of a claim; nil if it is pending or was never made.
    package func find(_ id: ClaimID) throws(PostgresError) -> Claim? {
        let rows = try connection.execute(
            "select \(Self.columns) from claims where id = $1", [.text(id.description)])
        return rows.count == 0 ? nil : Self.claim(rows, 0)
    }

    /// What became of several claims. Those that are pending or were never made are left out.
    package func find(_ ids: [ClaimID]) throws(PostgresError) -> [ClaimID: Claim] {
        let rows = try connection.execute(
            "select \(Self.columns) from claims where id = any($1)", [.texts(ids.map(\.description))])
        let claims = (0..<rows.count).compactMap { Self.claim(rows, $0) }
        return Dictionary(claims.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Notes claims that go to the dead-letter queue, unless they are decided already.
    ///
    /// - Returns: each claim as it now stands: dead-lettered, or as it was decided before.
    package func bury(_ claims: [Claim]) throws(PostgresError) -> [Claim] {
        // One after another in one transaction: they are few, and an unreadable one lacks what arrays can't leave out.
        var queries: [PostgresQuery] = []
        for claim in claims {
            queries.append(
                PostgresQuery(
                    """
                    insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
                    values ($1, 'dead_lettered', $2, $3, $4, $5, $6, clock_timestamp())
                    on conflict (id) do update
                    set reason = excluded.reason, attempts = excluded.attempts, decided_at = excluded.decided_at
                    where claims.status = 'dead_lettered'
                    """,
                    [
                        .text(claim.id.description), .text(claim.reason), .text(claim.userID?.description),
                        .text(claim.couponName?.description), .integer(claim.attempts), .timestamp(claim.createdAt),
                    ]))
            queries.append(
                PostgresQuery(
                    "select \(Self.columns) from claims where id = $1", [.text(claim.id.description)]))
        }
        let results = try connection.transaction(queries)
        return claims.indices.map { Self.claim(results[$0 * 2 + 1], 0) ?? claims[$0] }
    }

    /// The columns that ``claim(_:_:)`` reads, as the first eight.
    static let columns = """
        id, status, reason, user_id, coupon_name, attempts, \(PostgresRows.milliseconds("created_at")), \
        \(PostgresRows.milliseconds("decided_at"))
        """

    static func claim(_ rows: PostgresRows, _ row: Int) -> Claim? {
        guard row < rows.count, let id = rows.text(row, 0).flatMap(ClaimID.init),
            let status = rows.text(row, 1).flatMap(ClaimStatus.init)
        else { return nil }
        return Claim(
            id: id, status: status, reason: rows.text(row, 2), userID: rows.text(row, 3).flatMap(UserID.init),
            couponName: rows.text(row, 4).flatMap(CouponName.init), attempts: rows.integer(row, 5) ?? 0,
            createdAt: rows.timestamp(row, 6), decidedAt: rows.timestamp(row, 7))
    }
}
