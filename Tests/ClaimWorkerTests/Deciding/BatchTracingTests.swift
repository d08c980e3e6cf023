import Broker
import Claims
import Observability
import OrderedCollections
import Testing
import Tracing

@testable import ClaimWorker
@testable import Telemetry

@Suite struct BatchTracingTests {
    private let buffer = SpanBuffer()

    /// Makes the claims of one message; nil stands for one that is not traced.
    private func jobs(_ traces: [TraceContext?]) -> [Job] {
        let claims = traces.enumerated().map { number, trace in
            var claim = ClaimMessage.made(number)
            claim.trace = trace
            return claim
        }
        return Job.all(
            in: Delivery(
                tag: 1, redelivered: false, exchange: "claims", routingKey: "0",
                message: BrokerMessage.claims(claims, encodedBy: .shared)))
    }

    private func trace(_ number: UInt64, isSampled: Bool = true) -> TraceContext {
        TraceContext(traceID: TraceContext.TraceID(high: number, low: number), spanID: number, isSampled: isSampled)
    }

    private func tracing(_ sampler: String = "parentbased_always_off") throws -> BatchTracing {
        let sampler = try #require(TraceSampler(name: sampler, ratio: 0))
        return BatchTracing(tracer: ClaimTracer(sampler: sampler, buffer: buffer))
    }

    @Test func aBatchWithoutTracedClaimsHasNoSpan() throws {
        #expect(try tracing().startBatch(jobs([nil, nil]), lane: 0) == nil)
        #expect(try tracing().startBatch(jobs([trace(1, isSampled: false)]), lane: 0) == nil)
        #expect(try tracing().startTransaction(claims: 1) == nil)
    }

    @Test func aBatchIsATraceOfItsOwnThatIsLinkedToTheRequests() throws {
        let span = try #require(try tracing().startBatch(jobs([trace(1), nil, trace(2)]), lane: 3))
        span.end()
        let finished = try #require(buffer.takeAll().first)
        #expect(finished.links == [trace(1), trace(2)])
        #expect(finished.parent == nil && ![trace(1), trace(2)].map(\.traceID).contains(finished.trace.traceID))
        #expect(finished.attributes.get("messaging.batch.message_count") == .int64(3))
        #expect(finished.attributes.get("messaging.destination.name") == .string("claims.work.3"))
        #expect(finished.attributes.get("claim.id") == nil)
    }

    @Test(arguments: ["parentbased_always_off", "always_off", "traceidratio"])
    func aTransactionIsAChildOfItsBatch(sampler: String) throws {
        let tracing = try tracing(sampler)
        let jobs = jobs([trace(1)])
        let batch = try #require(tracing.startBatch(jobs, lane: 0))
        batch.whileActive { tracing.startTransaction(claims: 1)?.end() }
        batch.end()
        let spans = buffer.takeAll()
        try #require(spans.count == 2)
        #expect(spans[0].parent == spans[1].trace && spans[0].trace.traceID == spans[1].trace.traceID)
        #expect(spans[1].attributes.get("claim.id") == jobs[0].claimID.map { .string($0.description) })
    }

    @Test func aClaimThatIsSeparatedKeepsItsOwnTrace() {
        let jobs = jobs([trace(1), nil, trace(2)])
        #expect(jobs.map(\.trace) == [trace(1), nil, trace(2)])
        let separated = jobs.map { job in
            Job.only(
                in: Delivery(tag: 2, redelivered: false, exchange: "claims", routingKey: "0", message: job.message))
        }
        #expect(separated.map(\.trace) == [trace(1), nil, trace(2)])
        #expect(separated.allSatisfy { $0.message.properties.headers["traceparents"] == nil })
    }
}
