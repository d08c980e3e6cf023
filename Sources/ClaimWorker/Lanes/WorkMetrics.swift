import Metrics
import Shared

/// What a worker counts.
struct WorkMetrics {
    /// Times that a coupon's lock was found held.
    let lockWaits = Counter(label: "claims.lock.waits")
    /// Messages whose claim was decided before.
    let repeats = Counter(label: "claims.repeats")
    private let batchSize = Recorder(label: "claims.batch.size")
    private let latency = Metrics.Timer(label: "claims.decision.latency")

    /// A batch was decided.
    func batch(_ size: Int) {
        batchSize.record(size)
    }

    /// A claim was decided.
    func decided(_ claim: Claim) {
        Counter(
            label: "claims.decisions", dimensions: [("status", claim.status.rawValue), ("reason", claim.reason ?? "")]
        ).increment()
        if let created = claim.createdAt, let decided = claim.decidedAt {
            latency.recordMilliseconds(decided.milliseconds - created.milliseconds)
        }
    }

    /// An attempt failed.
    func setback(_ setback: Setback) {
        let label = setback.isFinal ? "claims.dead_letters" : "claims.retries"
        Counter(label: label, dimensions: [("reason", setback.failure.code)]).increment()
    }
}
