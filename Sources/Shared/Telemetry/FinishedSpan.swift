package import Observability
package import Tracing

/// A span that has ended, for the exporter.
package struct FinishedSpan: Sendable {
    package var name: String
    package var kind: SpanKind
    package var trace: TraceContext
    /// Nil for the first span of a trace.
    package var parent: TraceContext?
    /// Nanoseconds since 1970.
    package var start: UInt64
    package var end: UInt64
    package var attributes: SpanAttributes = [:]
    package var events: [SpanEvent] = []
    package var links: [TraceContext] = []
    /// The links that were left out because there were too many.
    package var droppedLinks = 0
    package var status: SpanStatus?

    /// The most links of a span, as in the specification's default.
    static let linkLimit = 128
    /// The most events of a span.
    static let eventLimit = 128

    /// Adds a link, or counts it if there are too many.
    mutating func addLink(_ trace: TraceContext) {
        if links.count < Self.linkLimit { links.append(trace) } else { droppedLinks += 1 }
    }
}
