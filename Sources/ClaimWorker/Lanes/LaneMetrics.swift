import Metrics
import RuntimeSupport

/// The gauges of a worker's lanes, set with each heartbeat and each scrape of the admin listener. Sums and maxima over the
/// workers describe the system's lanes.
final class LaneMetrics: Sendable {
    private struct Gauges: Sendable {
        let consumers: Gauge
        let unacknowledged: Gauge
        let oldest: Gauge

        init(lane: Int) {
            let dimensions = [("lane", String(lane))]
            consumers = Gauge(label: "claims.lane.consumers", dimensions: dimensions)
            unacknowledged = Gauge(label: "claims.lane.unacknowledged", dimensions: dimensions)
            oldest = Gauge(label: "claims.lane.oldest.seconds", dimensions: dimensions)
        }
    }

    private let controls: [LaneControl]
    private let gauges: [Gauges]

    init(_ controls: [LaneControl]) {
        self.controls = controls
        gauges = controls.map { Gauges(lane: $0.lane) }
    }

    /// Records the present state of each lane.
    func record(at now: Timestamp) {
        for (control, gauges) in zip(controls, gauges) {
            let held = control.held
            let age = held.oldest.map { max(0, Double(now.milliseconds - $0.milliseconds) / 1000) }
            gauges.consumers.record(control.isSubscribed ? 1 : 0)
            gauges.unacknowledged.record(held.claims)
            gauges.oldest.record(age ?? 0)
        }
    }
}
