import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

/// An OpenTelemetry collector: an HTTP server that keeps the spans that it receives as OTLP in JSON.
final class Collector: Sendable {
    /// A span with its resource, decoded independently of the system's own types.
    struct Span: Decodable, Sendable {
        struct Attribute: Decodable, Sendable {
            struct Value: Decodable, Sendable {
                let stringValue, intValue: String?
            }

            let key: String
            let value: Value
        }

        struct Link: Decodable, Hashable, Sendable {
            let traceId, spanId: String
        }

        struct Status: Decodable, Sendable {
            let code: Int
        }

        let traceId, spanId, name: String
        let parentSpanId: String?
        let kind: Int
        let startTimeUnixNano, endTimeUnixNano: String
        let attributes: [Attribute]
        let links: [Link]
        let status: Status?

        /// Returns an attribute as text.
        func attribute(_ key: String) -> String? {
            attributes.first { $0.key == key }.flatMap { $0.value.stringValue ?? $0.value.intValue }
        }
    }

    private struct Request: Decodable {
        struct ResourceSpans: Decodable {
            struct Resource: Decodable { let attributes: [Span.Attribute] }
            struct ScopeSpans: Decodable { let spans: [Span] }
            let resource: Resource
            let scopeSpans: [ScopeSpans]
        }

        let resourceSpans: [ResourceSpans]
    }

    private let received = Mutex<[String: [Span]]>([:])

    /// Returns the spans that a program has sent, by its `service.name`.
    func spans(of service: String) -> [Span] { received.withLock { $0[service] ?? [] } }

    /// Runs `body` while a collector listens.
    static func serving(port: Int, _ body: (Collector) async throws -> Void) async throws {
        let collector = Collector()
        let router = Router()
        router.post("v1/traces") { request, _ -> String in
            let body = try await request.body.collect(upTo: 8 << 20)
            try collector.receive(Data(body.readableBytesView))
            return "{}"
        }
        var logger = Logger(label: "collector")
        logger.logLevel = .critical
        let (opened, opening) = AsyncStream<Void>.makeStream()
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { _ in opening.finish() }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // If the server cannot start, the test goes on and fails.
                defer { opening.finish() }
                try await application.run()
            }
            for await _ in opened {}
            try await body(collector)
            group.cancelAll()
        }
    }

    private func receive(_ json: Data) throws {
        for resource in try JSONDecoder().decode(Request.self, from: json).resourceSpans {
            let service = resource.resource.attributes.first { $0.key == "service.name" }?.value.stringValue ?? ""
            received.withLock { $0[service, default: []] += resource.scopeSpans.flatMap(\.spans) }
        }
    }
}
