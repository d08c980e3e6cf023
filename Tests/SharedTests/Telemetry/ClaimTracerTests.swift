import Foundation
import Instrumentation
import Logging
import Observability
import Testing
import Tracing

@testable import Telemetry

@Suite struct ClaimTracerTests {
    private let buffer = SpanBuffer(capacity: 4)

    private func tracer(_ sampler: String = "parentbased_always_on") throws -> ClaimTracer {
        ClaimTracer(sampler: try #require(TraceSampler(name: sampler, ratio: 1)), buffer: buffer)
    }

    private struct Fields: Extractor, Injector {
        func extract(key: String, from fields: [String: String]) -> String? { fields[key] }
        func inject(_ value: String, forKey key: String, into fields: inout [String: String]) { fields[key] = value }
    }

    @Test func aSpanContinuesTheTraceOfItsParent() throws {
        let value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        var context = InstrumentationContext.topLevel
        try tracer().extract(["traceparent": value], into: &context, using: Fields())
        try tracer().startSpan("child", context: context).end()
        let span = try #require(buffer.takeAll().first)
        #expect(span.trace.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(span.parent?.traceparent == value)
        #expect(span.trace.spanID != span.parent?.spanID)
        #expect(span.end >= span.start)
    }

    @Test func theContextIsInjectedAsATraceparent() throws {
        let span = try tracer().startSpan("root", context: .topLevel)
        var fields: [String: String] = [:]
        try tracer().inject(span.context, into: &fields, using: Fields())
        #expect(fields["traceparent"] == span.context.trace?.traceparent)
    }

    @Test func anInvalidTraceparentStartsANewTrace() throws {
        var context = InstrumentationContext.topLevel
        try tracer().extract(["traceparent": "00-0-0-0"], into: &context, using: Fields())
        #expect(context.trace == nil)
    }

    @Test func aSpanThatIsNotSampledCarriesItsIdsOnly() throws {
        let span = try tracer("always_off").startSpan("quiet", context: .topLevel)
        #expect(!span.isRecording)
        #expect(span.context.trace?.isSampled == false)
        span.attributes["key"] = 1
        span.end()
        #expect(buffer.takeAll().isEmpty)
    }

    @Test func aSpanIsExportedOnceWithWhatItHadAtItsEnd() throws {
        let span = try tracer().startSpan("first", context: .topLevel)
        span.operationName = "second"
        span.attributes["claim.id"] = "c1"
        span.fail(with: "broken")
        span.end()
        span.operationName = "third"
        span.end()
        let spans = buffer.takeAll()
        #expect(spans.map(\.name) == ["second"])
        #expect(spans.first?.attributes.get("claim.id") == .string("c1"))
        #expect(spans.first?.status == SpanStatus(code: .error, message: "broken"))
    }

    @Test func aFullBufferDropsSpansAndBlocksNoOne() throws {
        for number in 1...6 { try tracer().startSpan("\(number)", context: .topLevel).end() }
        #expect(buffer.takeAll().map(\.name) == ["1", "2", "3", "4"])
        try tracer().startSpan("7", context: .topLevel).end()
        #expect(buffer.takeAll().map(\.name) == ["7"])
    }

    @Test func theLinksOfASpanAreLimited() throws {
        let linked = try tracer().startSpan("linked", context: .topLevel)
        let span = try tracer().startSpan("batch", context: .topLevel)
        for _ in 0..<(FinishedSpan.linkLimit + 3) { span.addLink(linked) }
        span.end()
        let finished = try #require(buffer.takeAll().first)
        #expect(finished.links.count == FinishedSpan.linkLimit)
        #expect(finished.droppedLinks == 3)
    }

    @Test func theActiveSpanIsInTheContextAndInTheMetadataOfLogLines() throws {
        let span = try tracer().startSpan("active", context: .topLevel)
        span.whileActive {
            #expect(InstrumentationContext.current?.span?.operationName == "active")
            let metadata = Logger.MetadataProvider.tracing.get()
            #expect(metadata["trace.id"] == span.context.trace.map { "\($0.traceID)" })
            #expect(metadata["span.id"] == span.context.trace.map { "\(TraceContext.hex($0.spanID))" })
        }
        #expect(Logger.MetadataProvider.tracing.get().isEmpty)
    }
}
