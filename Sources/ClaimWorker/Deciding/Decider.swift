import Claims
import Postgres

/// Decides claims and cancels in PostgreSQL, many in one transaction.
///
/// If the transaction fails because of one claim, the batch is split until that claim is alone. The others are decided.
struct Decider {
    let stores: StoreConnections
    /// A transaction that conflicts with another one is repeated. After this many tries the cause is something else.
    private static let conflictTries = 5

    /// Decides claims in their order.
    ///
    /// - Returns: a verdict for each.
    /// - Throws: ``Outage``. What was decided until then stays decided, and the next attempt finds it.
    func decide(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        guard !attempts.isEmpty else { return [] }
        var tries = 0
        while true {
            switch try transaction(attempts) {
            case .success(let verdicts) where verdicts.allSatisfy(\.isFinal):
                return verdicts
            case .success:
                tries += 1
                guard tries < Self.conflictTries else {
                    return attempts.map { _ in .failed(.databaseError, message: "decided elsewhere meanwhile") }
                }
            case .failure(let error):
                tries += 1
                if error.isConflict, tries < Self.conflictTries { continue }
                return try split(attempts, after: error)
            }
        }
    }

    private func transaction(_ attempts: [ClaimAttempt]) throws(Outage) -> Result<[Verdict], PostgresError> {
        let stages = Stages(attempts.map(\.claim)).all
        return try stores.postgres { connection throws(PostgresError) in
            let coupons = Set(attempts.map(\.claim.couponName))
            let results = try connection.transaction(
                [DecidingStatement.lock(coupons)] + stages.map { Self.query($0, of: attempts) })
            var verdicts = [Verdict](repeating: .nothingToCancel, count: attempts.count)
            for (stage, rows) in zip(stages, results.dropFirst()) {
                for (index, verdict) in zip(stage.jobs, Self.verdicts(rows, stage, of: attempts)) {
                    verdicts[index] = verdict
                }
            }
            return verdicts
        }
    }

    private static func query(_ stage: Stages.Stage, of attempts: [ClaimAttempt]) -> PostgresQuery {
        switch stage.action {
        case .claim: DecidingStatement.query(for: stage.jobs.map { attempts[$0] })
        case .cancel: CancellingStatement.query(for: stage.jobs.map { attempts[$0].claim })
        }
    }

    private static func verdicts(
        _ rows: PostgresRows, _ stage: Stages.Stage, of attempts: [ClaimAttempt]
    ) -> [Verdict] {
        switch stage.action {
        case .claim: DecidingStatement.verdicts(rows, of: stage.jobs.map { attempts[$0] })
        case .cancel: CancellingStatement.verdicts(rows)
        }
    }

    /// Decides the parts of a batch whose transaction failed.
    private func split(_ attempts: [ClaimAttempt], after error: PostgresError) throws(Outage) -> [Verdict] {
        let failed = Verdict.failed(
            error.isTimeout ? .databaseTimeout : .databaseError, message: error.description)
        if attempts.count == 1 { return [failed] }
        if error.isTimeout {
            // Another session holds the row of one coupon. All claims of that coupon fail together, since each would
            // wait for the full timeout.
            let coupons = Set(attempts.map(\.claim.couponName))
            if coupons.count == 1 { return attempts.map { _ in failed } }
            return try decideByCoupon(attempts)
        }
        let middle = attempts.count / 2
        return try decide(Array(attempts[..<middle])) + decide(Array(attempts[middle...]))
    }

    private func decideByCoupon(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        var verdicts: [Int: Verdict] = [:]
        let groups = Dictionary(grouping: attempts.indices, by: { attempts[$0].claim.couponName })
        for indices in groups.values.sorted(by: { $0[0] < $1[0] }) {
            for (index, verdict) in zip(indices, try decide(indices.map { attempts[$0] })) {
                verdicts[index] = verdict
            }
        }
        return attempts.indices.compactMap { verdicts[$0] }
    }
}

extension Verdict {
    /// Whether the statement gave an outcome. It gives none if the claim was changed by another session meanwhile.
    fileprivate var isFinal: Bool {
        if case .decided(let claim, _) = self { claim.status.isFinal } else { true }
    }
}
