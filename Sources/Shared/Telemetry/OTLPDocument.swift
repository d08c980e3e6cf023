internal import Foundation
internal import Observability
internal import Tracing

/// Spans as the body of an OTLP/HTTP request, in JSON.
///
/// The names are those of the Protocol Buffers in lower camel case. Ids are hexadecimal, and 64-bit numbers are strings.
/// <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
struct OTLPDocument: Encodable {
    struct Resource: Encodable {
        let attributes: [Attribute]
    }

    struct ResourceSpans: Encodable {
        let resource: Resource
        let scopeSpans: [ScopeSpans]
    }

    struct Scope: Encodable {
        let name: String
    }

    struct ScopeSpans: Encodable {
        let scope: Scope
        let spans: [Span]
    }

    struct Attribute: Encodable {
        let key: String
        let value: Value
    }

    enum Value: Encodable {
        case string(String), bool(Bool), int(Int64), double(Double), array([Value])

        private enum CodingKeys: String, CodingKey {
            case stringValue, boolValue, intValue, doubleValue, arrayValue
        }

        private struct List: Encodable {
            let values: [Value]
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            switch self {
            case .string(let value): try container.encode(value, forKey: .stringValue)
            case .bool(let value): try container.encode(value, forKey: .boolValue)
            case .int(let value): try container.encode(String(value), forKey: .intValue)
            case .double(let value): try container.encode(value, forKey: .doubleValue)
            case .array(let values): try container.encode(List(values: values), forKey: .arrayValue)
            }
        }
    }

    struct Event: Encodable {
        let timeUnixNano: String
        let name: String
        let attributes: [Attribute]
    }

    struct Link: Encodable {
        let traceId: String
        let spanId: String
    }

    struct Status: Encodable {
        let code: Int
        let message: String?
    }

    struct Span: Encodable {
        let traceId: String
        let spanId: String
        let parentSpanId: String?
        let name: String
        let kind: Int
        let startTimeUnixNano: String
        let endTimeUnixNano: String
        let attributes: [Attribute]
        let events: [Event]
        let links: [Link]
        let droppedLinksCount: Int
        let status: Status?
    }

    let resourceSpans: [ResourceSpans]

    /// - Parameter resource: describes the process, for example with `service.name`.
    init(_ spans: [FinishedSpan], resource: [String: String]) {
        let attributes = resource.sorted { $0.key < $1.key }.map { Attribute(key: $0.key, value: .string($0.value)) }
        resourceSpans = [
            ResourceSpans(
                resource: Resource(attributes: attributes),
                scopeSpans: [ScopeSpans(scope: Scope(name: "claims"), spans: spans.map(Span.init))])
        ]
    }

    /// The JSON. Numbers that JSON cannot express, such as infinity, become strings.
    var json: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let json = try? encoder.encode(self) else { preconditionFailure("spans are always JSON") }
        return json
    }
}

extension OTLPDocument.Span {
    init(_ span: FinishedSpan) {
        traceId = span.trace.traceID.description
        spanId = TraceContext.hex(span.trace.spanID)
        parentSpanId = span.parent.map { TraceContext.hex($0.spanID) }
        name = span.name
        kind =
            switch span.kind {
            case .internal: 1
            case .server: 2
            case .client: 3
            case .producer: 4
            case .consumer: 5
            }
        startTimeUnixNano = String(span.start)
        endTimeUnixNano = String(span.end)
        attributes = span.attributes.otlp
        events = span.events.map {
            OTLPDocument.Event(
                timeUnixNano: String($0.nanosecondsSinceEpoch), name: $0.name, attributes: $0.attributes.otlp)
        }
        links = span.links.map {
            OTLPDocument.Link(traceId: $0.traceID.description, spanId: TraceContext.hex($0.spanID))
        }
        droppedLinksCount = span.droppedLinks
        status = span.status.map { OTLPDocument.Status(code: $0.code == .ok ? 1 : 2, message: $0.message) }
    }
}

extension SpanAttributes {
    /// The attributes, ordered by name.
    fileprivate var otlp: [OTLPDocument.Attribute] {
        var attributes: [OTLPDocument.Attribute] = []
        forEach { attributes.append(OTLPDocument.Attribute(key: $0, value: $1.otlp)) }
        return attributes.sorted { $0.key < $1.key }
    }
}

extension SpanAttribute {
    fileprivate var otlp: OTLPDocument.Value {
        switch self {
        case .int32(let value): .int(Int64(value))
        case .int64(let value): .int(value)
        case .double(let value): .double(value)
        case .bool(let value): .bool(value)
        case .string(let value): .string(value)
        case .stringConvertible(let value): .string("\(value)")
        case .int32Array(let values): .array(values.map { .int(Int64($0)) })
        case .int64Array(let values): .array(values.map { .int($0) })
        case .doubleArray(let values): .array(values.map { .double($0) })
        case .boolArray(let values): .array(values.map { .bool($0) })
        case .stringArray(let values): .array(values.map { .string($0) })
        case .stringConvertibleArray(let values): .array(values.map { .string("\($0)") })
        default: .string("\(self)")
        }
    }
}
