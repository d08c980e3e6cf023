import Claims
import Observability
import Postgres
import Redis
import RuntimeSupport

/// Metrics that describe the system, not a process. They are read from the stores at each scrape of the admin listener. If a
/// store does not respond, its metrics are omitted.
struct SystemMetrics: Sendable {
    let queues: QueueObserver
    let postgres: PostgresClient
    let redis: RedisClient
    /// The number of coupons that have a metric: the newest ones. Each is a time series in Prometheus.
    static let couponLimit = 100
    /// The longest wait for a store.
    private static let patience = Duration.seconds(2)

    func families() async -> [MetricFamily] {
        async let queues = queueFamilies()
        async let coupons = couponFamilies()
        async let audit = auditFamilies()
        return await queues + coupons + audit
    }

    private func queueFamilies() async -> [MetricFamily] {
        await queues.refresh(atMost: Self.patience)
        guard let depths = queues.recentDepths else { return [] }
        var lanes = MetricFamily(
            name: "claims_lane_depth", kind: .gauge,
            help: "Messages of a lane's work queue that are not delivered to a worker. A message has up to 16 claims.",
            samples: [])
        var deadLetters = MetricFamily(
            name: "claims_dead_letters", kind: .gauge, help: "Messages in the dead-letter queue.", samples: [])
        for queue in depths.all {
            switch queue.kind {
            case .lane(let lane):
                lanes.samples.append(.init(labels: ["lane", String(lane)], value: Double(queue.messages)))
            case .deadLetters where queue.name == Topology.deadQueue:
                deadLetters.samples.append(.init(labels: [], value: Double(queue.messages)))
            case .deadLetters, .retry:
                break
            }
        }
        return [lanes, deadLetters]
    }

    private func couponFamilies() async -> [MetricFamily] {
        let newest = try? await postgres.run(patience: Self.patience) { connection throws(PostgresError) in
            try CouponStore(connection).newestRemaining(atMost: Self.couponLimit)
        }
        guard let newest else { return [] }
        return [
            MetricFamily(
                name: "claims_coupon_remaining", kind: .gauge,
                help: "Remaining amount of a coupon, for the \(Self.couponLimit) newest coupons.",
                samples: newest.map { .init(labels: ["coupon", "\($0.name)"], value: Double($0.remaining)) })
        ]
    }

    private func auditFamilies() async -> [MetricFamily] {
        var families: [MetricFamily] = []
        if let audit = (try? await redis.send(LastAudit.lookUp(.rules))) ?? nil {
            families.append(
                MetricFamily(
                    name: "claims_audit_violations", kind: .gauge,
                    help: "Violations of invariants that the last audit has found.",
                    samples: [.init(labels: [], value: Double(audit.violations))]))
            families.append(
                MetricFamily(
                    name: "claims_audit_timestamp_seconds", kind: .gauge,
                    help: "When the last audit has ended, in seconds since 1970.",
                    samples: [.init(labels: [], value: Double(audit.endedAt.milliseconds) / 1000)]))
        }
        if let comparison = (try? await redis.send(LastAudit.lookUp(.lostClaims))) ?? nil {
            families.append(
                MetricFamily(
                    name: "claims_lost", kind: .gauge,
                    help: "Accepted claims in no store, found by the last claimctl audit --against-broker.",
                    samples: [.init(labels: [], value: Double(comparison.violations))]))
        }
        return families
    }
}
