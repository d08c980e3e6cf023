import Observability

extension MetricDescription {
    /// The metrics of ClaimWorker.
    static let worker = [
        MetricDescription(
            "claims.decisions", "Claims that were decided for the first time, and cancellations, by status and reason."),
        MetricDescription(
            "claims.decision.latency", "Time from accepting a claim to deciding it, in seconds.",
            // A backlog takes minutes, an outage longer.
            buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]),
        MetricDescription(
            "claims.batch.size", "Claims and cancellations that were decided in one transaction.",
            buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]),
        MetricDescription("claims.repeats", "Messages whose claim had been decided before."),
        MetricDescription("claims.retries", "Failed attempts that are retried after a delay, by reason."),
        MetricDescription("claims.dead_letters", "Messages that were moved to the dead-letter queue, by reason."),
        MetricDescription(
            "claims.lane.consumers",
            "Whether the worker is subscribed to a lane, 1 or 0; the sum is the lane's consumers."),
        MetricDescription("claims.lane.unacknowledged", "Claims of a lane that the worker holds undecided."),
        MetricDescription(
            "claims.lane.oldest.seconds",
            "Time since the oldest claim of a lane that the worker holds was accepted, in seconds; 0 for none."),
        MetricDescription("claims.lock.waits", "Attempts to lock a coupon whose lock was held."),
        MetricDescription("claims.lock.takeovers", "Locks of dead workers that were taken over."),
        MetricDescription("claims.archived", "Claims that were archived after the retention period."),
        MetricDescription("claims.archive.deletions", "Archived claims that were deleted."),
    ]
}
