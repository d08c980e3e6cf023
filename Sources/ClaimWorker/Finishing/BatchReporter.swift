import Broker
import Claims
import Logging
import Metrics
import Observability
import RuntimeSupport

/// Logs and counts the outcome of batches.
struct BatchReporter {
    let logger: Logger
    /// Whether lines about a claim have the id of its trace.
    let isTraced: Bool
    /// Messages whose claim was decided before.
    private let repeats = Counter(label: "claims.repeats")
    private let batchSize = Recorder(label: "claims.batch.size")
    private let latency = Metrics.Timer(label: "claims.decision.latency")

    init(isTraced: Bool, logger: Logger) {
        self.isTraced = isTraced
        self.logger = logger
    }

    /// Counts the decisions of a batch, once they are committed.
    func count(_ outcome: BatchOutcome) {
        count(outcome.decisions.filter { !$0.wasDecidedBefore }.compactMap(\.claim))
    }

    /// Reports a batch that is finished.
    ///
    /// - Parameter size: the number of claims and cancels that were to be decided.
    func report(_ outcome: BatchOutcome, size: Int) {
        if size > 0 { batchSize.record(size) }
        for decision in outcome.decisions { report(decision) }
        report(outcome.failures)
    }

    private func report(_ decision: BatchOutcome.Decision) {
        guard let message = decision.job.claim else { return }
        guard let claim = decision.claim else {
            return logger.warning("cancel of an undecided claim ignored", metadata: ["claim.id": "\(message.id)"])
        }
        guard decision.wasDecidedBefore else { return }
        repeats.increment()
        if message.action == .cancel, claim.status != .cancelled {
            logger.warning(
                "cancel of a claim that holds no coupon ignored",
                metadata: ["claim.id": "\(claim.id)", "claim.status": "\(claim.status.rawValue)"])
        }
        if claim.couponName != message.couponName {
            logger.notice(
                "idempotency key reused with another body, second claim ignored",
                metadata: ["claim.id": "\(claim.id)", "coupon.name": "\(message.couponName)"])
        }
    }

    /// Logs each dead letter, and the retries of a batch with one line for each reason.
    private func report(_ failures: [FailedJob]) {
        for failedJob in failures where failedJob.isDeadLettered {
            let kind = failedJob.job.isCancel ? "cancel" : "claim"
            logger.warning("\(kind) dead-lettered", metadata: metadata(failedJob))
        }
        let retries = Dictionary(grouping: failures.filter { !$0.isDeadLettered }, by: \.failure.code)
        for (_, failedJobs) in retries.sorted(by: { $0.key < $1.key }) {
            var metadata = metadata(failedJobs[0])
            if failedJobs.count > 1 { metadata["count"] = "\(failedJobs.count)" }
            logger.warning("attempt failed, retrying", metadata: metadata)
        }
        for failedJob in failures {
            let label = failedJob.isDeadLettered ? "claims.dead_letters" : "claims.retries"
            Counter(label: label, dimensions: [("reason", failedJob.failure.code)]).increment()
        }
    }

    private func metadata(_ failedJob: FailedJob) -> Logger.Metadata {
        let failure = failedJob.failure
        var metadata: Logger.Metadata = [
            "claim.id": "\(failedJob.job.message.properties.messageID ?? "-")", "attempt": "\(failure.attempt)",
            "reason": "\(failure.code)", "error": "\(failure.message)",
        ]
        if isTraced, let trace = failedJob.job.trace {
            metadata["trace.id"] = "\(trace.traceID)"
            metadata["span.id"] = "\(TraceContext.hex(trace.spanID))"
        }
        return metadata
    }

    private func count(_ claims: [Claim]) {
        for (key, group) in Dictionary(grouping: claims, by: { [$0.status.rawValue, $0.reason ?? ""] }) {
            Counter(label: "claims.decisions", dimensions: [("status", key[0]), ("reason", key[1])])
                .increment(by: group.count)
        }
        // The latency of a cancelled claim was recorded when it was decided.
        for claim in claims where claim.status != .cancelled {
            guard let created = claim.createdAt, let decided = claim.decidedAt else { continue }
            // The times come from the clocks of two machines.
            latency.recordMilliseconds(max(0, decided.milliseconds - created.milliseconds))
        }
    }
}
