import Claims
import Instrumentation
import Observability
import Telemetry
import Tracing

/// The spans of a worker: one for each batch with traced claims, and in it one for each transaction.
struct BatchTracing: Sendable {
    let tracer: ClaimTracer

    /// Starts the span of a batch.
    ///
    /// A batch belongs to the traces of all its claims, so it is a trace of its own, with links to the spans of the
    /// requests that submitted them. It is recorded because one of those is.
    /// - Returns: nil if no claim of the batch is traced.
    func startBatch(_ jobs: [Job], lane: Int) -> ClaimSpan? {
        let traces = jobs.compactMap(\.trace).filter(\.isSampled)
        guard !traces.isEmpty else { return nil }
        var context = InstrumentationContext.topLevel
        // With one claim, each log line belongs to it.
        if jobs.count == 1 { context.claimID = jobs[0].claimID?.description }
        let span = tracer.start("decide claims", context: context, kind: .consumer, isSampled: true)
        for trace in traces {
            var linked = InstrumentationContext.topLevel
            linked.trace = trace
            span.addLink(SpanLink(context: linked, attributes: [:]))
        }
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "rabbitmq"
            attributes["messaging.operation.type"] = "process"
            attributes["messaging.destination.name"] = Topology.workQueue(lane: lane)
            attributes["messaging.batch.message_count"] = jobs.count
            if let id = context.claimID { attributes["claim.id"] = id }
        }
        return span
    }

    /// Starts the span of a transaction; nil outside of the span of a batch.
    func startTransaction(claims: Int) -> ClaimSpan? {
        guard let context = InstrumentationContext.current, context.span != nil else { return nil }
        let span = tracer.start(
            "decide in PostgreSQL", context: context, kind: .client, isSampled: context.trace?.isSampled)
        span.updateAttributes { attributes in
            attributes["db.system.name"] = "postgresql"
            attributes["db.operation.batch.size"] = claims
        }
        return span
    }
}
