package import Claims
package import DeadLetters
package import RuntimeSupport

/// The claims that Redis knows as accepted, compared with the rows in PostgreSQL and the messages in RabbitMQ. Encodes as
/// JSON.
///
/// It finds what PostgreSQL has lost, for example after a failover to a replica that was behind. Redis is the only other
/// record of acknowledged messages, so what Redis does not know is not found.
package struct AcceptedClaims: Encodable, Sendable {
    /// A coupon of which clients were told that they have it, although PostgreSQL does not know it.
    package struct Promise: Encodable, Hashable, Sendable {
        package let couponName: String
        /// The lost claims that were `claimed`.
        package let promised: Int
        /// The coupons that are left, with those that lost cancellations give back; nil if the coupon does not exist.
        package let remaining: Int?

        /// The coupons that are missing.
        package var shortage: Int { max(0, promised - max(0, remaining ?? 0)) }

        private enum CodingKeys: String, CodingKey {
            case promised, remaining
            case couponName = "coupon_name"
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(couponName, forKey: .couponName)
            try container.encode(promised, forKey: .promised)
            try container.encode(remaining, forKey: .remaining)
        }
    }

    /// The number of accepted claims that Redis knows.
    package let known: Int
    /// When the oldest one was accepted; nil if there is none. Nothing is found of earlier ones.
    package let knownSince: Timestamp?
    /// The number of claims without a row that wait in RabbitMQ: in a lane, for a retry or in the dead-letter queue.
    package let waiting: Int
    /// The number of lost claims.
    package let lostCount: Int
    /// The lost claims in the order of their decisions. There may be more, see ``lostCount``, but all those that were claimed
    /// or cancelled are here.
    package let lost: [LostClaim]
    /// The coupons of the lost claims that were `claimed`.
    package let promises: [Promise]
    /// The number of lost claims that were published again; nil if that was not asked for.
    package var requeued: Int?

    private enum CodingKeys: String, CodingKey {
        case known, waiting, lost, promises, requeued
        case knownSince = "known_since"
        case lostCount = "lost_count"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(known, forKey: .known)
        try container.encode(knownSince, forKey: .knownSince)
        try container.encode(waiting, forKey: .waiting)
        try container.encode(lostCount, forKey: .lostCount)
        try container.encode(lost, forKey: .lost)
        try container.encode(promises, forKey: .promises)
        try container.encode(requeued, forKey: .requeued)
    }

    /// Compares. Takes a few seconds at least. Blocks.
    ///
    /// - Parameter issuer: has the secrets of the API. Redis remembers only a part of each id.
    /// - Throws: `RedisError`, `PostgresError`, `BrokerError` or `DeadLetterError`; `SettingError` if the issuer has none of
    ///   the API's secrets.
    package init(_ session: OperatorSession, issuer: ClaimIDIssuer) throws {
        let comparison = try StoreComparison(session, issuer: issuer)
        defer { comparison.close() }
        try comparison.run()
        known = comparison.known
        knownSince = comparison.knownSince
        waiting = comparison.waiting
        lostCount = comparison.lostCount
        lost = comparison.lost.values.sorted { $0.order < $1.order }
        promises = try comparison.promises()
    }

    /// The coupons that are missing to keep the promises of all lost claims.
    package var shortage: Int { promises.reduce(0) { $0 + $1.shortage } }

    /// The violations of rules that the comparison shows.
    var violations: [AuditReport.Violation] {
        var violations = lost.map { $0.violation(isRequeued: requeued != nil) }
        if lostCount > lost.count {
            violations.append(
                .init(
                    rule: "accepted_claim_is_stored", subject: "-",
                    detail: "\((lostCount - lost.count).counted("further claim")) in no store; "
                        + "run the audit again to see them"))
        }
        for promise in promises where promise.shortage > 0 {
            let left =
                promise.remaining.map { "\($0) are left; raise the amount by \(promise.shortage) to keep all promises" }
                ?? "the coupon does not exist"
            violations.append(
                .init(
                    rule: "promised_coupons_remain", subject: promise.couponName,
                    detail: "lost claims that were claimed: \(promise.promised), but \(left)"))
        }
        return violations
    }
}
