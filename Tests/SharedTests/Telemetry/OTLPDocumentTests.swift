import Foundation
import Observability
import Testing
import Tracing

@testable import Telemetry

/// The names and forms are those of `opentelemetry/proto/trace/v1/trace.proto` in the JSON encoding of OTLP.
@Suite struct OTLPDocumentTests {
    private let parent = TraceContext(
        traceID: TraceContext.TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736), spanID: 0xb7,
        isSampled: true)

    private func document(_ change: (inout FinishedSpan) -> Void = { _ in }) throws -> [String: Any] {
        var span = FinishedSpan(
            name: "decide claims", kind: .consumer,
            trace: TraceContext(traceID: parent.traceID, spanID: 0xa1, isSampled: true), parent: parent,
            start: 1_795_368_454_123_000_001, end: 1_795_368_454_123_999_999)
        change(&span)
        let json = OTLPDocument([span], resource: ["service.name": "ClaimAPI", "process.pid": "1"]).json
        return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }

    private func span(_ change: (inout FinishedSpan) -> Void = { _ in }) throws -> [String: Any] {
        let resources = try #require(try document(change)["resourceSpans"] as? [[String: Any]])
        let scopes = try #require(resources.first?["scopeSpans"] as? [[String: Any]])
        return try #require((scopes.first?["spans"] as? [[String: Any]])?.first)
    }

    /// Returns whether a part of the document is this JSON, in any order of the fields.
    private func equal(_ found: Any?, _ json: String) throws -> Bool {
        let wanted = try JSONSerialization.jsonObject(with: Data(json.utf8))
        return try canonical(try #require(found)) == canonical(wanted)
    }

    private func canonical(_ value: Any) throws -> Data {
        try JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    }

    @Test func theResourceDescribesTheProcess() throws {
        let resources = try #require(try document()["resourceSpans"] as? [[String: Any]])
        #expect(
            try equal(
                resources.first?["resource"],
                """
                {"attributes": [{"key": "process.pid", "value": {"stringValue": "1"}},
                                {"key": "service.name", "value": {"stringValue": "ClaimAPI"}}]}
                """))
        let scopes = try #require(resources.first?["scopeSpans"] as? [[String: Any]])
        #expect(try equal(scopes.first?["scope"], #"{"name": "claims"}"#))
    }

    @Test func idsAreHexadecimalAndTimesAreStrings() throws {
        #expect(
            try equal(
                try span(),
                """
                {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00000000000000a1",
                 "parentSpanId": "00000000000000b7", "name": "decide claims", "kind": 5,
                 "startTimeUnixNano": "1795368454123000001", "endTimeUnixNano": "1795368454123999999",
                 "attributes": [], "events": [], "links": [], "droppedLinksCount": 0}
                """))
    }

    @Test func theFirstSpanOfATraceHasNoParent() throws {
        #expect(try span { $0.parent = nil }["parentSpanId"] == nil)
    }

    @Test func eachAttributeHasTheFieldOfItsType() throws {
        let span = try span { span in
            span.attributes["a"] = "text"
            span.attributes["b"] = true
            span.attributes["c"] = 9_007_199_254_740_993
            span.attributes["d"] = 0.5
            span.attributes["e"] = ["x", "y"]
        }
        #expect(
            try equal(
                span["attributes"],
                """
                [{"key": "a", "value": {"stringValue": "text"}}, {"key": "b", "value": {"boolValue": true}},
                 {"key": "c", "value": {"intValue": "9007199254740993"}}, {"key": "d", "value": {"doubleValue": 0.5}},
                 {"key": "e", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "y"}]}}}]
                """))
    }

    @Test func linksStatusAndEventsAreIncluded() throws {
        let parent = parent
        let span = try span { span in
            span.addLink(parent)
            span.status = SpanStatus(code: .error, message: "no answer")
            span.events = [SpanEvent(name: "exception", attributes: ["exception.message": "no answer"])]
        }
        #expect(
            try equal(
                span["links"], #"[{"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00000000000000b7"}]"#))
        #expect(try equal(span["status"], #"{"code": 2, "message": "no answer"}"#))
        let event = try #require((span["events"] as? [[String: Any]])?.first)
        #expect(event["name"] as? String == "exception")
        #expect((event["timeUnixNano"] as? String).flatMap(UInt64.init) != nil)
    }

    @Test(arguments: [
        (SpanKind.internal, 1), (.server, 2), (.client, 3), (.producer, 4), (.consumer, 5),
    ])
    func eachKindHasItsNumber(_ kind: SpanKind, _ number: Int) throws {
        #expect(try span { $0.kind = kind }["kind"] as? Int == number)
    }
}
