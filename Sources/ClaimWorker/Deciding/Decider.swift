import Claims
import Postgres
import Telemetry
import Tracing

/// Decides claims and cancels in PostgreSQL, many in one transaction.
///
/// If the transaction fails because of one claim, the batch is split until that claim is alone. The others are decided.
final class Decider {
    private let stores: StoreConnections
    /// Nil without tracing.
    private let tracing: BatchTracing?
    /// Coupons whose row another session had locked when it was last tried. They are tried again without waiting.
    private var lockedCoupons: Set<CouponName> = []
    /// A transaction that conflicts with another one is repeated. After this many tries the cause is something else.
    private static let conflictTries = 5

    init(stores: StoreConnections, tracing: BatchTracing? = nil) {
        self.stores = stores
        self.tracing = tracing
    }

    /// Decides claims in their order.
    ///
    /// - Returns: a verdict for each.
    /// - Throws: ``Outage``. What was decided until then stays decided, and the next attempt finds it.
    func decide(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        let suspects = lockedCoupons.intersection(attempts.map(\.claim.couponName))
        if !suspects.isEmpty {
            lockedCoupons.subtract(suspects)
            lockedCoupons.formUnion(try locked(among: suspects))
        }
        return try decideUnlocked(attempts)
    }

    private func decideUnlocked(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        guard !lockedCoupons.isEmpty else { return try decideTogether(attempts) }
        let unlocked = attempts.indices.filter { !lockedCoupons.contains(attempts[$0].claim.couponName) }
        var verdicts = [Verdict](repeating: .couponLocked, count: attempts.count)
        for (index, verdict) in zip(unlocked, try decideTogether(unlocked.map { attempts[$0] })) {
            verdicts[index] = verdict
        }
        return verdicts
    }

    /// Decides claims in one transaction, and in several if it fails.
    private func decideTogether(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        guard !attempts.isEmpty else { return [] }
        var tries = 0
        var hadTimeout = false
        while true {
            tries += 1
            switch try transaction(attempts) {
            case .success(let verdicts) where verdicts.allSatisfy(\.isFinal):
                return verdicts
            case .success:
                guard tries < Self.conflictTries else {
                    return attempts.map { _ in .failed(.databaseError, message: "another worker decides them too") }
                }
            case .failure(let error):
                if error.isConflict, tries < Self.conflictTries { continue }
                if error.isTimeout {
                    // The server is not slow now, or this would be an outage. So another session holds a lock.
                    let locked = try locked(among: Set(attempts.map(\.claim.couponName)))
                    lockedCoupons.formUnion(locked)
                    if !locked.isEmpty { return try decideUnlocked(attempts) }
                    // The session that held the lock has ended, or the lock is not on a coupon's row.
                    if !hadTimeout {
                        hadTimeout = true
                        continue
                    }
                }
                return try split(attempts, after: error)
            }
        }
    }

    private func transaction(_ attempts: [ClaimAttempt]) throws(Outage) -> Result<[Verdict], PostgresError> {
        guard let span = tracing?.startTransaction(claims: attempts.count) else { return try untraced(attempts) }
        defer { span.end() }
        do throws(Outage) {
            let result = try untraced(attempts)
            if case .failure(let error) = result { span.fail(with: "\(error)") }
            return result
        } catch {
            span.fail(with: "\(error)")
            throw error
        }
    }

    private func untraced(_ attempts: [ClaimAttempt]) throws(Outage) -> Result<[Verdict], PostgresError> {
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

    // MARK: After a failed transaction

    /// Decides the parts of a batch whose transaction failed.
    private func split(_ attempts: [ClaimAttempt], after error: PostgresError) throws(Outage) -> [Verdict] {
        let coupons = Set(attempts.map(\.claim.couponName))
        let failed = Verdict.failed(error.isTimeout ? .databaseTimeout : .databaseError, message: error.description)
        if attempts.count == 1 { return [failed] }
        if error.isTimeout {
            // All claims of a coupon fail together, since each would wait for the full timeout.
            return coupons.count == 1 ? attempts.map { _ in failed } : try decideByCoupon(attempts)
        }
        let middle = attempts.count / 2
        // A coupon whose row was locked for the first half stays locked for the second: its claims keep their order.
        let verdicts =
            try decideUnlocked(Array(attempts[..<middle])) + decideUnlocked(Array(attempts[middle...]))
        // A corrupt page affects some claims. If claims of several coupons fail and none is decided, the server is broken.
        if error.mayBeOutage, coupons.count > 1, verdicts.allSatisfy(\.isFailed) { throw .postgres(error) }
        return verdicts
    }

    private func decideByCoupon(_ attempts: [ClaimAttempt]) throws(Outage) -> [Verdict] {
        var verdicts: [Int: Verdict] = [:]
        let groups = Dictionary(grouping: attempts.indices, by: { attempts[$0].claim.couponName })
        for indices in groups.values.sorted(by: { $0[0] < $1[0] }) {
            for (index, verdict) in zip(indices, try decideTogether(indices.map { attempts[$0] })) {
                verdicts[index] = verdict
            }
        }
        return attempts.indices.compactMap { verdicts[$0] }
    }

    /// Returns the coupons whose row another session has locked. Waits for no lock.
    private func locked(among coupons: Set<CouponName>) throws(Outage) -> Set<CouponName> {
        let result = try stores.postgres { connection throws(PostgresError) in
            let rows = try connection.execute(Self.lockedQuery, [.texts(coupons.map(\.description))])
            return Set((0..<rows.count).compactMap { rows.text($0, 0).flatMap(CouponName.init) })
        }
        // An error here is met again by the transaction.
        return (try? result.get()) ?? []
    }

    private static let lockedQuery = """
        select name from coupons where name = any($1) and name not in (
            select name from coupons where name = any($1) for no key update skip locked)
        """
}

extension Verdict {
    /// Whether the statement gave an outcome. It gives none if another session changed the claim at the same time.
    fileprivate var isFinal: Bool {
        if case .decided(let claim, _) = self { claim.status.isFinal } else { true }
    }

    fileprivate var isFailed: Bool {
        if case .failed = self { true } else { false }
    }
}
