package import Instrumentation
internal import Observability
internal import Synchronization
package import Tracing

/// A span of ``ClaimTracer``. One that is not sampled carries its ids and records nothing.
package struct ClaimSpan: Span {
    package let context: InstrumentationContext
    private let recording: Recording?

    /// The state of a sampled span, until it ends.
    private final class Recording: Sendable {
        let span: Mutex<FinishedSpan?>
        let export: @Sendable (FinishedSpan) -> Void

        init(_ span: FinishedSpan, export: @escaping @Sendable (FinishedSpan) -> Void) {
            self.span = Mutex(span)
            self.export = export
        }
    }

    /// - Parameters:
    ///   - span: the span at its start; nil if it is not sampled.
    ///   - export: receives the span at its end.
    init(
        context: InstrumentationContext, span: FinishedSpan?, export: @escaping @Sendable (FinishedSpan) -> Void
    ) {
        self.context = context
        recording = span.map { Recording($0, export: export) }
    }

    /// Changes the span unless it has ended.
    private func change(_ body: (inout FinishedSpan) -> Void) {
        recording?.span.withLock { span in
            guard var changed = span else { return }
            body(&changed)
            span = changed
        }
    }

    private func read<Value: Sendable>(_ body: (FinishedSpan) -> Value) -> Value? {
        recording?.span.withLock { span in span.map(body) }
    }

    package var isRecording: Bool { read { _ in true } ?? false }

    package var operationName: String {
        get { read(\.name) ?? "" }
        nonmutating set { change { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { read(\.attributes) ?? [:] }
        nonmutating set { change { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) {
        change { $0.status = status }
    }

    package func addEvent(_ event: SpanEvent) {
        change { span in
            if span.events.count < FinishedSpan.eventLimit { span.events.append(event) }
        }
    }

    package func addLink(_ link: SpanLink) {
        guard let trace = link.context.trace else { return }
        change { $0.addLink(trace) }
    }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        var attributes = attributes
        attributes["exception.type"] = "\(type(of: error))"
        attributes["exception.message"] = "\(error)"
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    /// Ends the span. Later calls have no effect.
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let recording else { return }
        let taken = recording.span.withLock { span in
            defer { span = nil }
            return span
        }
        guard var finished = taken else { return }
        finished.end = instant().nanosecondsSinceEpoch
        recording.export(finished)
    }
}

extension ClaimSpan {
    /// Runs `body` with the span as the active one.
    package func whileActive<Value>(_ body: () throws -> Value) rethrows -> Value {
        try InstrumentationContext.$current.withValue(activeContext, operation: body)
    }

    /// Runs `body` with the span as the active one.
    package func whileActive<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async rethrows -> Value {
        try await InstrumentationContext.$current.withValue(activeContext, operation: body)
    }

    private var activeContext: InstrumentationContext {
        var context = context
        context.span = self
        return context
    }

    /// Sets the status to that of a failure.
    package func fail(with message: String) {
        setStatus(SpanStatus(code: .error, message: message))
    }
}
