import Claims
import Logging
import Postgres

/// Decides claims and cancels in PostgreSQL, many in one transaction.
///
/// A batch is no shared outcome: where the transaction fails because of one claim, the batch is split until that one is
/// alone.
struct Decider {
    /// What an attempt came to.
    enum Verdict {
        case decided(Claim, wasDecidedBefore: Bool)
        /// A cancel of a claim that nobody has decided: there is nothing to give back.
        case void
        case failed(code: String, message: String)

        fileprivate var isFinal: Bool {
            if case .decided(let claim, _) = self { claim.status.isFinal } else { true }
        }
    }

    private typealias Item = (claim: ClaimMessage, attempt: Int)

    let stores: LaneStores
    /// Two transactions that met over the same rows do so once; more often it is something else.
    private static let conflictTries = 5

    /// Decides claims in their order.
    ///
    /// - Returns: a verdict for each.
    /// - Throws: ``Outage``; what was decided by then stays decided, and is found again the next time.
    func decide(_ jobs: [(claim: ClaimMessage, attempt: Int)]) throws(Outage) -> [Verdict] {
        guard !jobs.isEmpty else { return [] }
        var tries = 0
        while true {
            switch try transaction(jobs) {
            case .success(let verdicts) where verdicts.allSatisfy(\.isFinal):
                return verdicts
            case .success:
                tries += 1
                guard tries < Self.conflictTries else {
                    return jobs.map { _ in .failed(code: "database_error", message: "decided elsewhere meanwhile") }
                }
            case .failure(let error):
                tries += 1
                if error.isConflict, tries < Self.conflictTries { continue }
                return try split(jobs, after: error)
            }
        }
    }

    private func transaction(_ jobs: [Item]) throws(Outage) -> Result<[Verdict], PostgresError> {
        let stages = Stages(jobs.map(\.claim)).all
        return try stores.postgres { connection throws(PostgresError) in
            let rows = try connection.transaction(
                [DecidingStatement.lock(Set(jobs.map(\.claim.couponName)))] + stages.map { Self.query($0, of: jobs) })
            var verdicts = [Verdict](repeating: .void, count: jobs.count)
            for (stage, rows) in zip(stages, rows.dropFirst()) {
                for (index, verdict) in zip(stage.jobs, Self.verdicts(rows, stage, of: jobs)) {
                    verdicts[index] = verdict
                }
            }
            return verdicts
        }
    }

    private static func query(_ stage: Stages.Stage, of jobs: [Item]) -> PostgresQuery {
        switch stage.action {
        case .claim: DecidingStatement.query(for: stage.jobs.map { jobs[$0] })
        case .cancel: CancellingStatement.query(for: stage.jobs.map { jobs[$0].claim })
        }
    }

    private static func verdicts(_ rows: PostgresRows, _ stage: Stages.Stage, of jobs: [Item]) -> [Verdict] {
        let outcomes =
            switch stage.action {
            case .claim: DecidingStatement.outcomes(rows, of: stage.jobs.map { jobs[$0] }).map(Optional.some)
            case .cancel: CancellingStatement.outcomes(rows)
            }
        return outcomes.map { outcome in
            outcome.map { .decided($0.claim, wasDecidedBefore: $0.wasDecidedBefore) } ?? .void
        }
    }

    /// Decides the parts of a batch whose transaction failed.
    private func split(_ jobs: [Item], after error: PostgresError) throws(Outage) -> [Verdict] {
        let failed = Verdict.failed(
            code: error.isTimeout ? "database_timeout" : "database_error", message: error.description)
        if jobs.count == 1 { return [failed] }
        if error.isTimeout {
            // Somebody holds the row of one coupon. Its claims share that outcome, and trying each would take for ever.
            let coupons = Set(jobs.map(\.claim.couponName))
            if coupons.count == 1 { return jobs.map { _ in failed } }
            return try byCoupon(jobs)
        }
        let middle = jobs.count / 2
        return try decide(Array(jobs[..<middle])) + decide(Array(jobs[middle...]))
    }

    private func byCoupon(_ jobs: [Item]) throws(Outage) -> [Verdict] {
        var verdicts: [Int: Verdict] = [:]
        let groups = Dictionary(grouping: jobs.indices, by: { jobs[$0].claim.couponName })
        for indices in groups.values.sorted(by: { $0[0] < $1[0] }) {
            for (index, verdict) in zip(indices, try decide(indices.map { jobs[$0] })) { verdicts[index] = verdict }
        }
        return jobs.indices.compactMap { verdicts[$0] }
    }
}
