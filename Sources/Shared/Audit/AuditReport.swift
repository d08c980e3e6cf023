internal import Claims
package import DeadLetters
internal import Postgres

/// The result of checking all rules over the raw rows and the dead-letter queue. Encodes as JSON.
package struct AuditReport: Encodable, Sendable {
    /// A rule that is broken.
    package struct Violation: Encodable, Hashable, Sendable {
        /// A stable word for the rule.
        package let rule: String
        /// The coupon, claim or queue.
        package let subject: String
        /// What is wrong, with the numbers that do not match.
        package let detail: String
    }

    package let violations: [Violation]
    /// The number of coupons that were checked.
    package let coupons: Int
    /// The number of claims that were checked.
    package let claims: Int
    /// The number of dead-lettered claims whose message was looked for in the queue.
    package let deadLettered: Int

    private enum CodingKeys: String, CodingKey {
        case violations, coupons, claims
        case deadLettered = "dead_lettered"
    }

    /// Reads all rows as of one moment, then the dead-letter queue.
    ///
    /// - Throws: `PostgresError` or `BrokerError`.
    package init(_ session: OperatorSession) throws {
        let connection = try PostgresConnection(
            session.stores.databaseURL, name: session.connectionName,
            timeouts: .init(statement: .seconds(600), answer: .seconds(600)))
        let rows = try AuditedRows(connection)
        coupons = rows.coupons
        claims = rows.claims
        deadLettered = rows.deadLettered.count
        violations = rows.violations + (try MissingDeadLetters.violations(of: rows.deadLettered, connection, session))
    }
}

/// What the rules find in the rows as of one moment.
private struct AuditedRows {
    let violations: [AuditReport.Violation]
    let coupons: Int
    let claims: Int
    /// The ids of the claims that must have a message in the dead-letter queue.
    let deadLettered: Set<String>

    init(_ connection: PostgresConnection) throws(PostgresError) {
        let snapshot = "set transaction isolation level repeatable read, read only"
        let counts = "select (select count(*) from coupons), count(*) from claims"
        let statements = [snapshot, counts, MissingDeadLetters.statement] + AuditRule.all.map(\.sql)
        let results = try connection.transaction(statements.map { PostgresQuery($0) })
        coupons = results[1].integer(0, 0) ?? 0
        claims = results[1].integer(0, 1) ?? 0
        deadLettered = Set((0..<results[2].count).compactMap { results[2].text($0, 0) })
        violations = zip(AuditRule.all, results.dropFirst(3)).flatMap { rule, rows in
            (0..<rows.count).map { row in
                AuditReport.Violation(
                    rule: rule.name, subject: rows.text(row, 0) ?? "-", detail: rows.text(row, 1) ?? "")
            }
        }
    }
}
