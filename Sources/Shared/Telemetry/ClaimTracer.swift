package import Instrumentation
internal import Observability
package import Tracing

/// A tracer for swift-distributed-tracing that propagates W3C trace contexts and hands sampled spans to a ``SpanBuffer``.
package struct ClaimTracer: Tracer {
    package typealias Span = ClaimSpan

    private let sampler: TraceSampler
    private let buffer: SpanBuffer

    package init(sampler: TraceSampler, buffer: SpanBuffer) {
        self.sampler = sampler
        self.buffer = buffer
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> ClaimSpan {
        start(operationName, context: context(), kind: kind, at: instant().nanosecondsSinceEpoch)
    }

    /// Starts a span.
    ///
    /// - Parameters:
    ///   - context: the parent, if it has a trace.
    ///   - isSampled: overrides the sampler.
    package func start(
        _ name: String, context: InstrumentationContext, kind: SpanKind,
        at start: UInt64 = DefaultTracerClock.now.nanosecondsSinceEpoch, isSampled: Bool? = nil
    ) -> ClaimSpan {
        let parent = context.trace
        let traceID =
            parent?.traceID ?? TraceContext.TraceID(high: .random(in: 0 ... .max), low: .random(in: 1 ... .max))
        let trace = TraceContext(
            traceID: traceID, spanID: .random(in: 1 ... .max),
            isSampled: isSampled ?? sampler.samples(traceID, parent: parent))
        var context = context
        context.trace = trace
        let span = FinishedSpan(name: name, kind: kind, trace: trace, parent: parent, start: start, end: start)
        return ClaimSpan(context: context, span: trace.isSampled ? span : nil, export: buffer.add)
    }

    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let value = extractor.extract(key: "traceparent", from: carrier) else { return }
        context.trace = TraceContext(traceparent: value)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
    }
}
