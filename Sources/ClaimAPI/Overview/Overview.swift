import Claims
import RuntimeSupport

/// The present state of the system, for `GET /overview` and the events of its stream. Encodes as JSON.
struct Overview: Encodable, Sendable {
    /// Each store: `ok`, or why it cannot be used.
    struct Stores: Encodable, Hashable, Sendable {
        let rabbitmq: String
        let redis: String
        let postgres: String

        init(rabbitmq: String?, redis: String?, postgres: String?) {
            self.rabbitmq = rabbitmq ?? "ok"
            self.redis = redis ?? "ok"
            self.postgres = postgres ?? "ok"
        }
    }

    /// A lane with its waiting claims.
    struct Lane: Encodable, Hashable, Sendable {
        let lane: Int
        /// The worker that reads it; nil if none does, or that is unknown.
        let worker: String?
        /// Claims that are accepted and not decided; nil if that is unknown.
        let waiting: Int?
        /// Messages in the queue, each with one claim or several; nil if that is unknown.
        let messages: Int?
        /// Claims that workers hold.
        let unacknowledged: Int?
        /// Seconds since the oldest claim that a worker holds was accepted.
        let oldestAge: Int?

        private enum CodingKeys: String, CodingKey {
            case lane, worker, waiting, messages, unacknowledged
            case oldestAge = "oldest_pending_seconds"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(lane, forKey: .lane)
            try container.encode(worker, forKey: .worker)
            try container.encode(waiting, forKey: .waiting)
            try container.encode(messages, forKey: .messages)
            try container.encode(unacknowledged, forKey: .unacknowledged)
            try container.encode(oldestAge, forKey: .oldestAge)
        }
    }

    let at: Timestamp
    let stores: Stores
    let rates: RateHistory.Sample?
    let latency: DecisionWindow.Latency?
    let outcomes: [DecisionWindow.Outcome]
    let lanes: [Lane]
    let workers: [StatusReport.Worker]
    /// Messages in the dead-letter queue; nil if that is unknown.
    let deadLetters: Int?
    /// Messages that wait for a retry; nil if that is unknown.
    let retrying: Int?
    /// Each in one sentence.
    let warnings: [String]
    /// Whether requests need a token.
    let requiresTokens: Bool
    /// Whether requests need no token and can come only from this machine.
    let isOpenOnLoopback: Bool
    /// The samples of the last minutes, only in the first event of a stream.
    var history: [RateHistory.Sample]?

    private enum CodingKeys: String, CodingKey {
        case at, stores, latency, outcomes, lanes, workers, retrying, warnings, history
        case accepted = "accepted_per_second"
        case decided = "decided_per_second"
        case deadLetters = "dead_letters"
        case requiresTokens = "requires_tokens"
        case isOpenOnLoopback = "open_on_loopback"
    }

    private enum LatencyKeys: String, CodingKey {
        case p50 = "p50_ms"
        case p99 = "p99_ms"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(at, forKey: .at)
        try container.encode(stores, forKey: .stores)
        try container.encode(rates?.accepted.map(Self.rounded), forKey: .accepted)
        try container.encode(rates?.decided.map(Self.rounded), forKey: .decided)
        var times = container.nestedContainer(keyedBy: LatencyKeys.self, forKey: .latency)
        try times.encode((latency?.p50).map(Self.rounded), forKey: .p50)
        try times.encode((latency?.p99).map(Self.rounded), forKey: .p99)
        try container.encode(outcomes, forKey: .outcomes)
        try container.encode(lanes, forKey: .lanes)
        try container.encode(workers, forKey: .workers)
        try container.encode(deadLetters, forKey: .deadLetters)
        try container.encode(retrying, forKey: .retrying)
        try container.encode(warnings, forKey: .warnings)
        try container.encode(requiresTokens, forKey: .requiresTokens)
        try container.encode(isOpenOnLoopback, forKey: .isOpenOnLoopback)
        if let history {
            // Compact: the whole history is 300 samples.
            try container.encode(
                history.map { sample -> [Double?] in
                    [
                        Double(sample.at.milliseconds), sample.accepted.map(Self.rounded),
                        sample.decided.map(Self.rounded),
                    ]
                }, forKey: .history)
        }
    }

    private static func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }
}

/// Who may use the API, as far as the console needs to know.
struct OverviewAccess: Hashable, Sendable {
    let requiresTokens: Bool
    let isOpenOnLoopback: Bool
}

extension Overview {
    /// - Parameters:
    ///   - report: the state of queues and workers.
    ///   - knowsDepths: whether the broker has ever reported the depths of its queues.
    ///   - knowsWorkers: whether Redis has answered.
    init(
        _ report: StatusReport, waiting: [Int?], stores: Stores, history: RateHistory, decisions: DecisionWindow,
        knowsDepths: Bool, knowsWorkers: Bool, access: OverviewAccess, now: Timestamp
    ) {
        let queues = Dictionary(report.queues.map { ($0.name, $0) }) { first, _ in first }
        at = now
        self.stores = stores
        rates = history.samples.last
        latency = decisions.latency
        outcomes = decisions.outcomes
        lanes = (0..<report.lanes).map { lane in
            let queue = queues[Topology.workQueue(lane: lane)]
            return Lane(
                lane: lane, worker: report.workers.first { $0.lanes.contains(lane) }?.id,
                waiting: waiting.indices.contains(lane) ? waiting[lane] : nil, messages: queue?.messages,
                unacknowledged: knowsWorkers ? queue?.unacknowledged : nil, oldestAge: queue?.oldestAge)
        }
        workers = report.workers
        deadLetters = knowsDepths ? queues[Topology.deadQueue]?.messages : nil
        retrying =
            knowsDepths
            ? (0..<Topology.mostRetries).reduce(0) { $0 + (queues[Topology.retry($1)]?.messages ?? 0) } : nil
        // Without Redis it is not known whether a worker is alive.
        warnings = knowsWorkers ? report.warnings : []
        requiresTokens = access.requiresTokens
        isOpenOnLoopback = access.isOpenOnLoopback
    }
}
