import Foundation
import Observability

/// The decisions of the last minutes, from the metrics that the workers send with their heartbeats. Pure.
struct DecisionWindow: Sendable {
    /// A status with its reason, and the number of claims that were decided so.
    struct Outcome: Encodable, Hashable, Sendable {
        let status: String
        let reason: String?
        let count: Int

        private enum CodingKeys: String, CodingKey { case status, reason, count }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(status, forKey: .status)
            try container.encode(reason, forKey: .reason)
            try container.encode(count, forKey: .count)
        }
    }

    /// The time from accepting a claim to deciding it.
    struct Latency: Hashable, Sendable {
        /// Milliseconds.
        let p50: Double
        let p99: Double
    }

    /// The seconds of the outcomes.
    static let outcomeSeconds = 300
    /// The seconds of the latency.
    static let latencySeconds = 60

    private struct Kind: Hashable, Sendable {
        let status: String
        let reason: String
    }

    private var decisions = CounterWindow<Kind>(steps: Self.outcomeSeconds)
    private var buckets = CounterWindow<Double>(steps: Self.latencySeconds)
    /// The bounds of the latency's buckets in ascending order.
    private var bounds: [Double] = []

    /// Adds the metrics of all live workers, one second after the last ones.
    mutating func add(_ families: [MetricFamily]) {
        var decided: CounterWindow<Kind>.Values = [:]
        var latencies: CounterWindow<Double>.Values = [:]
        for family in families {
            switch family.name {
            case "claims_decisions_total":
                for sample in family.samples {
                    let labels = sample.named
                    let kind = Kind(status: labels["status"] ?? "", reason: labels["reason"] ?? "")
                    decided[kind, default: [:]][labels["worker"] ?? "", default: 0] += sample.value
                }
            case "claims_decision_latency_seconds":
                for sample in family.samples where sample.suffix == "_bucket" {
                    let labels = sample.named
                    let bound = labels["le"].flatMap(Double.init) ?? .infinity
                    latencies[bound, default: [:]][labels["worker"] ?? "", default: 0] += sample.value
                }
            default: break
            }
        }
        decisions.add(decided)
        buckets.add(latencies)
        bounds = latencies.keys.sorted()
    }

    /// Discards all metrics, after a gap.
    mutating func reset() {
        decisions.reset()
        buckets.reset()
    }

    /// The most frequent outcome first.
    var outcomes: [Outcome] {
        decisions.totals.map { kind, count in
            Outcome(
                status: kind.status, reason: kind.reason.isEmpty ? nil : kind.reason, count: Int(count.rounded()))
        }.sorted { ($1.count, $0.status, $0.reason ?? "") < ($0.count, $1.status, $1.reason ?? "") }
    }

    /// Nil if nothing was decided.
    var latency: Latency? {
        // The count of a bucket includes those below.
        let totals = buckets.totals
        let cumulative = bounds.map { (bound: $0, count: totals[$0] ?? 0) }
        guard let all = cumulative.last?.count, all > 0 else { return nil }
        func quantile(_ share: Double) -> Double {
            var (lower, below) = (0.0, 0.0)
            for (bound, count) in cumulative {
                if count >= share * all {
                    // Spread evenly within the bucket. The last one has no upper bound.
                    guard bound.isFinite, count > below else { return lower * 1000 }
                    return (lower + (bound - lower) * (share * all - below) / (count - below)) * 1000
                }
                (lower, below) = (bound, count)
            }
            return lower * 1000
        }
        return Latency(p50: quantile(0.5), p99: quantile(0.99))
    }
}

extension MetricFamily.Sample {
    /// The labels by name.
    fileprivate var named: [String: String] {
        Dictionary(
            stride(from: 0, to: labels.count - 1, by: 2).map { (labels[$0], labels[$0 + 1]) }, uniquingKeysWith: { $1 })
    }
}
