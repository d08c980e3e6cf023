import NIOCore

/// The result of a run, as JSON and as text. Latencies are milliseconds, rates are per second.
struct LoadReport: Encodable {
    /// The parts of a run's requests.
    struct Requests: Encodable {
        let sent: Int
        let accepted: Int
        /// Answers with another status.
        let refused: Int
        /// Requests that were sent and got no answer.
        let unanswered: Int
        /// Requests that were due and were not sent, because all connections were busy.
        let unsent: Int
    }

    struct Latency: Encodable {
        let p50, p90, p99, p999, max, mean: Double

        enum CodingKeys: String, CodingKey {
            case p50, p90, p99
            case p999 = "p99_9"
            case max, mean
        }

        /// Nil without values.
        init?(_ histogram: LatencyHistogram) {
            guard histogram.count > 0 else { return nil }
            p50 = histogram.milliseconds(atPercentile: 50)
            p90 = histogram.milliseconds(atPercentile: 90)
            p99 = histogram.milliseconds(atPercentile: 99)
            p999 = histogram.milliseconds(atPercentile: 99.9)
            max = histogram.maximum
            mean = (histogram.mean * 1000).rounded() / 1000
        }
    }

    let url: String
    let mode: String
    let connections: Int
    /// The rate of an open-loop run.
    let targetRate: Double?
    let durationSeconds: Double
    /// Accepted claims per second.
    let rate: Double
    let requests: Requests
    /// The number of answers by status.
    let statuses: [String: Int]
    /// Why requests were not answered, or connections not opened.
    let failures: [String: Int]
    /// Of accepted claims, from the intended start. Unanswered and unsent requests count with the time they waited.
    let latency: Latency?
    /// Of answers that accept nothing.
    let refusalLatency: Latency?
    /// From the intended start to the moment of sending: how far behind its schedule the generator was.
    let sendDelay: Latency?
    /// The CPU time of the load generator for each request, in microseconds.
    let cpuPerRequest: Double

    enum CodingKeys: String, CodingKey {
        case url, mode, connections
        case targetRate = "target_rate"
        case durationSeconds = "duration_seconds"
        case rate, requests
        case statuses = "status"
        case failures
        case latency = "latency_ms"
        case refusalLatency = "refusal_latency_ms"
        case sendDelay = "send_delay_ms"
        case cpuPerRequest = "cpu_us_per_request"
    }

    /// - Parameter cpuTime: of the load generator during the run.
    init(_ result: LoadResult, of plan: LoadPlan, cpuTime: Duration) {
        let measurements = result.measurements
        let seconds = Double(result.duration.nanoseconds) / 1e9
        url = "http://\(plan.host):\(plan.port)"
        switch plan.arrivals {
        case .closedLoop: (mode, targetRate) = ("closed_loop", nil)
        case .openLoop(let rate): (mode, targetRate) = ("open_loop", rate)
        }
        connections = plan.connections
        durationSeconds = (seconds * 1000).rounded() / 1000
        rate = seconds > 0 ? (Double(measurements.acceptedCount) / seconds * 10).rounded() / 10 : 0
        requests = Requests(
            sent: measurements.sent, accepted: measurements.acceptedCount,
            refused: measurements.answered - measurements.acceptedCount,
            unanswered: measurements.sent - measurements.answered, unsent: measurements.unsent)
        statuses = Dictionary(uniqueKeysWithValues: measurements.answers.map { (String($0.key), $0.value) })
        failures = Dictionary(uniqueKeysWithValues: measurements.failures.map { ($0.key.rawValue, $0.value) })
        latency = Latency(measurements.latencies)
        refusalLatency = Latency(measurements.refusalLatencies)
        sendDelay = targetRate == nil ? nil : Latency(measurements.delays)
        let microseconds = Double(cpuTime.components.seconds) * 1e6 + Double(cpuTime.components.attoseconds) / 1e12
        cpuPerRequest = measurements.sent > 0 ? (microseconds / Double(measurements.sent) * 100).rounded() / 100 : 0
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(url, forKey: .url)
        try fields.encode(mode, forKey: .mode)
        try fields.encode(connections, forKey: .connections)
        // Every document has every field.
        try fields.encode(targetRate, forKey: .targetRate)
        try fields.encode(durationSeconds, forKey: .durationSeconds)
        try fields.encode(rate, forKey: .rate)
        try fields.encode(requests, forKey: .requests)
        try fields.encode(statuses, forKey: .statuses)
        try fields.encode(failures, forKey: .failures)
        try fields.encode(latency, forKey: .latency)
        try fields.encode(refusalLatency, forKey: .refusalLatency)
        try fields.encode(sendDelay, forKey: .sendDelay)
        try fields.encode(cpuPerRequest, forKey: .cpuPerRequest)
    }
}
