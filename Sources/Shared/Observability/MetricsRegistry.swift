package import CoreMetrics
internal import Synchronization

/// A swift-metrics backend that keeps the values of counters, meters, recorders and timers in memory.
///
/// Metrics have OpenTelemetry names (`http.server.request.duration`) and are exported under Prometheus names
/// (`http_server_request_duration_seconds`).
package final class MetricsRegistry: MetricsFactory {
    private struct Key: Hashable {
        var name: String
        var labels: [String]
    }

    private let values = Mutex<[Key: MetricValue]>([:])
    private let descriptions: [String: MetricDescription]

    /// - Parameter descriptions: the metrics that will be created. One without a description has default buckets and a
    ///   help text that says so.
    package init(_ descriptions: [MetricDescription] = []) {
        self.descriptions = Dictionary(descriptions.map { ($0.label, $0) }) { first, _ in first }
    }

    /// Returns the current values of all metrics.
    package func snapshot() -> [MetricFamily] {
        let families = values.withLock { values in
            values.map { key, value in
                MetricFamily(
                    name: key.name, kind: value.kind, help: descriptions[value.label]?.help ?? Self.noHelp,
                    samples: value.samples(labels: key.labels))
            }
        }
        return families.merged()
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        value(label, "_total", dimensions) { MetricValue(label, .counter) }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        value(label, "", dimensions) { MetricValue(label, .gauge) }
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return value(label, "", dimensions) { MetricValue(label, .gauge) } }
        return value(label, "", dimensions) { MetricValue(label, .histogram, bounds: bounds(label, Self.sizes)) }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        value(label, "_seconds", dimensions) { MetricValue(label, .histogram, bounds: bounds(label, Self.seconds)) }
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func value(
        _ label: String, _ unit: String, _ dimensions: [(String, String)], _ make: () -> MetricValue
    ) -> MetricValue {
        let name = label.replacing(".", with: "_") + unit
        let key = Key(
            name: name, labels: dimensions.flatMap { [$0.0.replacing(".", with: "_"), $0.1] })
        return values.withLock { values in
            if let existing = values[key] { return existing }
            let created = make()
            values[key] = created
            return created
        }
    }

    private func bounds(_ label: String, _ defaults: [Double]) -> [Double] {
        descriptions[label]?.buckets ?? defaults
    }

    /// The help text of a metric without a description.
    package static let noHelp = "Not described."

    /// Default buckets of timers: 0.5 ms to 60 s.
    private static let seconds = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Default buckets of recorders.
    private static let sizes: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
}

/// The value of one metric with one set of labels.
final class MetricValue: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
    private struct State {
        var sum = 0.0
        var count = 0
        /// One count per bound, and a last one for values above all bounds.
        var buckets: [Int]
    }

    let label: String
    let kind: MetricFamily.Kind
    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ label: String, _ kind: MetricFamily.Kind, bounds: [Double] = []) {
        self.label = label
        self.kind = kind
        self.bounds = bounds
        state = Mutex(State(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    func increment(by amount: Int64) { state.withLock { $0.sum += Double(amount) } }
    func increment(by amount: Double) { state.withLock { $0.sum += amount } }
    func decrement(by amount: Double) { state.withLock { $0.sum -= amount } }
    func reset() { state.withLock { $0.sum = 0 } }
    func set(_ value: Int64) { state.withLock { $0.sum = Double(value) } }
    func set(_ value: Double) { state.withLock { $0.sum = value } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        guard kind == .histogram else { return set(value) }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.sum += value
            state.count += 1
            state.buckets[bucket] += 1
        }
    }

    func samples(labels: [String]) -> [MetricFamily.Sample] {
        let state = state.withLock { $0 }
        guard kind == .histogram else { return [MetricFamily.Sample(labels: labels, value: state.sum)] }
        var cumulative = 0
        let buckets = zip(bounds.map(MetricFamily.number) + ["+Inf"], state.buckets).map { bound, count in
            cumulative += count
            return MetricFamily.Sample(suffix: "_bucket", labels: labels + ["le", bound], value: Double(cumulative))
        }
        return buckets + [
            MetricFamily.Sample(suffix: "_sum", labels: labels, value: state.sum),
            MetricFamily.Sample(suffix: "_count", labels: labels, value: Double(state.count)),
        ]
    }
}
