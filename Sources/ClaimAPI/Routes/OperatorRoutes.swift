import Admin
import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Observability
import Postgres
import Redis

/// The routes for operators: health, readiness, metrics and the OpenAPI document.
struct OperatorRoutes: Sendable {
    let metrics: MetricsRegistry
    let publisher: Publisher<ClaimMessage>
    let redis: RedisClient
    let postgres: PostgresClient
    let drain: Drain
    /// Nil for an open API.
    var access: AccessControl?

    var endpoints: [Endpoint] {
        [
            Endpoint("/healthz", [.get: { _, _ in .json(encoded: Data(#"{"status":"ok"}"#.utf8)) }]),
            Endpoint("/readyz", [.get: { _, _ in try readiness() }]),
            Endpoint("/metrics", [.get: { _, _ in await withoutEventLoop { await exposition() } }]),
            Endpoint("/openapi.json", [.get: { _, _ in .json(encoded: try Self.openAPI.get()) }]),
        ]
    }

    private func readiness() throws -> Response {
        let readiness = Readiness(publisher: publisher, redis: redis, postgres: postgres, access: access, drain: drain)
        if let missing = readiness.missing { throw Problem.notReady(missing) }
        return .json(encoded: readiness.json)
    }

    /// Returns the metrics of this process and those that the live workers sent to Redis with their heartbeats.
    private func exposition() async -> Response {
        let workers = (try? await WorkerRegistry.metrics(redis)) ?? []
        let text = (metrics.snapshot() + workers).merged().prometheusText
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// The OpenAPI document that is built into the program.
    static let openAPI = Result {
        guard let file = Bundle.module.url(forResource: "openapi", withExtension: "json") else {
            throw Problem.notFound
        }
        return try Data(contentsOf: file)
    }
}
