import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Observability
import Postgres
import Redis

/// Health, readiness, metrics, the description of the API and the page for people.
struct OperatorRoutes: Sendable {
    let metrics: MetricsRegistry
    let publisher: Publisher
    let redis: RedisClient
    let postgres: PostgresClient

    var endpoints: [Endpoint] {
        [
            Endpoint("/healthz", [.get: { _, _ in .json(Data(#"{"status":"ok"}"#.utf8)) }]),
            Endpoint("/readyz", [.get: { _, _ in try readiness() }]),
            Endpoint("/metrics", [.get: { _, _ in await exposition() }]),
            Endpoint("/", [.get: { _, _ in try FrontPage.response() }]),
            Endpoint("/openapi.json", [.get: { _, _ in .json(try Self.openAPI()) }]),
        ]
    }

    /// Claims can be taken without Redis and PostgreSQL, so only the broker decides; all three are named.
    private func readiness() throws -> Response {
        struct Readiness: Encodable {
            let status: String
            let rabbitmq: String
            let redis: String
            let postgres: String
        }
        if let unavailableReason = publisher.unavailableReason { throw Problem.notReady("RabbitMQ: \(unavailableReason).") }
        return try .json(
            Readiness(
                status: "ready", rabbitmq: "ok", redis: redis.unavailableReason ?? "ok", postgres: postgres.unavailableReason ?? "ok"))
    }

    /// This process's metrics and those that the living workers left in Redis with their signs of life.
    private func exposition() async -> Response {
        let workers = (try? await WorkerRegistry.metrics(redis)) ?? []
        let text = (metrics.snapshot() + workers).merged().prometheusText
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// The file of the repository, as it was built into the program.
    static func openAPI() throws -> Data {
        guard let file = Bundle.module.url(forResource: "openapi", withExtension: "json") else {
            throw Problem.notFound
        }
        return try Data(contentsOf: file)
    }
}
