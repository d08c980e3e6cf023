import Claims
import Metrics

/// What a worker counts.
struct WorkerMetrics {
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

    /// Claims were decided.
    func decided(_ claims: [Claim]) {
        for (key, group) in Dictionary(grouping: claims, by: { [$0.status.rawValue, $0.reason ?? ""] }) {
            Counter(label: "claims.decisions", dimensions: [("status", key[0]), ("reason", key[1])])
                .increment(by: group.count)
        }
        // A cancelled claim was decided long ago.
        for claim in claims where claim.status != .cancelled {
            guard let created = claim.createdAt, let decided = claim.decidedAt else { continue }
            latency.recordMilliseconds(decided.milliseconds - created.milliseconds)
        }
    }

    /// An attempt failed.
    func failedJob(_ failedJob: FailedJob) {
        let label = failedJob.isDeadLettered ? "claims.dead_letters" : "claims.retries"
        Counter(label: label, dimensions: [("reason", failedJob.failure.code)]).increment()
    }
}
