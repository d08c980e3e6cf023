internal import CoreMetrics
package import Observability
internal import Synchronization

/// The spans that wait for their export, at most a few thousand. It never blocks and never fails its callers: a span that
/// finds no room is dropped and counted.
package final class SpanBuffer: Sendable {
    private let spans = Mutex<[FinishedSpan]>([])
    private let capacity: Int
    private let dropped: Counter

    /// The descriptions of the metrics of tracing.
    package static let descriptions = [
        MetricDescription("claims.trace.spans", "Spans that were exported to the collector."),
        MetricDescription(
            "claims.trace.drops", "Spans that were not exported, by reason: no room in the buffer, or a failed export."),
    ]

    package init(capacity: Int = 8192) {
        self.capacity = capacity
        dropped = Counter(label: "claims.trace.drops", dimensions: [("reason", "buffer_full")])
    }

    /// Adds a span.
    package func add(_ span: FinishedSpan) {
        let isAdded = spans.withLock { spans in
            guard spans.count < capacity else { return false }
            spans.append(span)
            return true
        }
        if !isAdded { dropped.increment() }
    }

    /// Takes all spans that wait.
    package func takeAll() -> [FinishedSpan] {
        spans.withLock { spans in
            defer { spans = [] }
            return spans
        }
    }
}
