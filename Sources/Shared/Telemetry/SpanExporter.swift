internal import AsyncHTTPClient
internal import CoreMetrics
internal import Foundation
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import ServiceLifecycle

/// Sends finished spans to a collector: OTLP over HTTP in JSON, every second, in requests of limited size.
///
/// Nothing waits for it. Spans of a request that fails are dropped and counted. At the shutdown, the spans that wait are
/// sent once more.
///
/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>
package struct SpanExporter: Service {
    private let url: String
    /// The host and port of the collector. The URL may have a password.
    private let server: String
    private let resource: [String: String]
    private let buffer: SpanBuffer
    private let logger: Logger
    private let exported = Counter(label: "claims.trace.spans")
    private let failed = Counter(label: "claims.trace.drops", dimensions: [("reason", "export_failed")])
    private static let interval = Duration.seconds(1)
    /// The most spans of a request.
    private static let batchSize = 512
    /// The longest time for a request.
    private static let timeout = TimeAmount.seconds(2)

    /// - Parameter resource: the attributes of the process, for example `service.name`.
    package init(_ settings: TraceSettings, resource: [String: String], buffer: SpanBuffer, logger: Logger) {
        url = settings.url
        server = settings.server
        self.resource = resource
        self.buffer = buffer
        self.logger = logger
    }

    package func run() async throws {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        // The client would otherwise record its own requests, and each export would be the cause of another one.
        configuration.tracing.tracer = nil
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var isFailing = false
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            // Only the pause is cancelled, not an export.
            await cancelWhenGracefulShutdown { try? await Task.sleep(for: Self.interval) }
            isFailing = await export(with: client, wasFailing: isFailing)
        }
        // The services that make spans have ended.
        _ = await export(with: client, wasFailing: true)
        try await client.shutdown()
    }

    /// Sends all spans that wait. After a failed request the rest is dropped, so that a collector that does not answer costs
    /// one request.
    ///
    /// - Parameter wasFailing: whether the last export failed. A failure is logged once.
    /// - Returns: whether this one failed; the old value if there was nothing to send.
    private func export(with client: HTTPClient, wasFailing: Bool) async -> Bool {
        var rest = buffer.takeAll()[...]
        guard !rest.isEmpty else { return wasFailing }
        while !rest.isEmpty {
            let batch = rest.prefix(Self.batchSize)
            if let error = await send(Array(batch), with: client) {
                failed.increment(by: rest.count)
                if !wasFailing {
                    logger.warning(
                        "spans can't be exported, dropping them",
                        metadata: ["server.address": "\(server)", "error": "\(error)"])
                }
                return true
            }
            exported.increment(by: batch.count)
            rest = rest.dropFirst(batch.count)
        }
        return false
    }

    /// - Returns: why the request has failed; nil if it succeeded.
    private func send(_ spans: [FinishedSpan], with client: HTTPClient) async -> String? {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: OTLPDocument(spans, resource: resource).json))
        do {
            let response = try await client.execute(request, timeout: Self.timeout)
            _ = try await response.body.collect(upTo: 1 << 16)
            return (200..<300).contains(response.status.code) ? nil : "\(response.status)"
        } catch {
            return "\(error)"
        }
    }
}
