internal import Broker
internal import Claims
package import DeadLetters
internal import Postgres
internal import RuntimeSupport

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
    /// The comparison with Redis and the broker; nil if there was none.
    package let againstBroker: AcceptedClaims?

    private enum CodingKeys: String, CodingKey {
        case violations, coupons, claims
        case deadLettered = "dead_lettered"
        case againstBroker = "against_broker"
    }

    /// Reads all rows as of one moment, then the queues. Blocks.
    ///
    /// - Parameter accepted: a comparison whose violations belong to the report.
    /// - Throws: `PostgresError`, `BrokerError` or `DeadLetterError`.
    package init(_ session: OperatorSession, accepted: AcceptedClaims? = nil) throws {
        let snapshot = try AuditSnapshot(session)
        let totals = try TablePass(snapshot, session).totals()
        let audited = try AuditedCoupons(on: snapshot.connection, totals)
        var violations = audited.violations
        for rule in audited.brokenRules {
            let rows = try snapshot.connection.execute(rule.sql)
            violations += (0..<rows.count).map { row in
                Violation(rule: rule.name, subject: rows.text(row, 0) ?? "-", detail: rows.text(row, 1) ?? "")
            }
        }
        try snapshot.end()
        coupons = audited.coupons.count
        claims = totals.claims
        deadLettered = totals.deadLettered.count
        self.violations =
            violations + (try MissingDeadLetters.violations(of: totals.deadLettered, snapshot.connection, session))
            + (try Self.unreadLanes(session)) + (accepted?.violations ?? [])
        againstBroker = accepted
    }

    /// Stores the numbers of violations and of lost claims for the metrics of ClaimAPI. Without Redis, nothing is stored.
    package func store(_ session: OperatorSession) {
        let now = Timestamp.now()
        session.store(LastAudit(violations: violations.count, endedAt: now), as: .rules)
        guard let againstBroker else { return }
        session.store(LastAudit(violations: againstBroker.lostCount, endedAt: now), as: .lostClaims)
    }

    /// Returns a violation for each lane that holds messages and that no worker reads.
    private static func unreadLanes(_ session: OperatorSession) throws(BrokerError) -> [Violation] {
        let broker = try AMQPConnection(anyOf: session.stores.brokers, heartbeat: 10, name: session.connectionName)
        defer { broker.close() }
        let lanes = session.stores.lanes
        return try QueueDepths(lanes: StoreSettings.laneLimit, broker).unread(outside: lanes).map { queue in
            Violation(
                rule: "lane_is_read", subject: queue.name,
                detail: "holds \(queue.messages.counted("message")), but the system has \(lanes.counted("lane"))")
        }
    }
}
