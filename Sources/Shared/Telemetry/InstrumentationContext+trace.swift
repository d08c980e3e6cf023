package import Instrumentation
package import Logging
package import Observability

private enum TraceKey: InstrumentationContextKey {
    typealias Value = TraceContext
    static var nameOverride: String? { "traceparent" }
}

private enum SpanKey: InstrumentationContextKey {
    typealias Value = ClaimSpan
}

private enum ClaimKey: InstrumentationContextKey {
    typealias Value = String
    static var nameOverride: String? { "claim.id" }
}

extension InstrumentationContext {
    /// The span that is active, or the remote one that is continued.
    package var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }

    /// The span that is active in this process; nil if there is only a remote one.
    package var span: ClaimSpan? {
        get { self[SpanKey.self] }
        set { self[SpanKey.self] = newValue }
    }

    /// The claim that is worked on, for log lines.
    package var claimID: String? {
        get { self[ClaimKey.self] }
        set { self[ClaimKey.self] = newValue }
    }
}

extension Logger.MetadataProvider {
    /// Adds the ids of the active span and of the claim to each log line.
    package static let tracing = Logger.MetadataProvider {
        guard let context = InstrumentationContext.current else { return [:] }
        var metadata: Logger.Metadata = [:]
        if let trace = context.trace {
            metadata["trace.id"] = "\(trace.traceID)"
            metadata["span.id"] = "\(TraceContext.hex(trace.spanID))"
        }
        if let claimID = context.claimID { metadata["claim.id"] = "\(claimID)" }
        return metadata
    }
}
