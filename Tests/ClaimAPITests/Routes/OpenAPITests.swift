import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Observability
import Postgres
import Redis
import Testing

@testable import ClaimAPI

/// The description of the API against the API. Nothing here is connected to anything.
@Suite struct OpenAPITests {
    /// Every path with its methods, as the router has them.
    private func routed() throws -> [String: Set<String>] {
        let redisAddress = try #require(RedisAddress(url: "redis://127.0.0.1:1"))
        let redis = RedisClient(redisAddress, logger: .quiet)
        let postgres = PostgresClient("postgres://127.0.0.1:1", name: "test", connections: 1, logger: .quiet)
        let publisher = Publisher(
            Publisher.Configuration(
                addresses: [], heartbeat: 1, confirmTimeout: .seconds(1), capacity: 1, name: "test",
                prepare: Topology(lanes: 1).declare), logger: .quiet)
        let issuer = ClaimIDIssuer(secret: "a secret of at least 32 characters")
        let outcomes = OutcomeReader(
            redis: redis, postgres: postgres, changes: ClaimChanges(redisAddress, logger: .quiet), lanes: 1)
        let submission = ClaimSubmission(
            issuer: issuer, redis: redis, publisher: publisher, outcomes: outcomes, lanes: 1, logger: .quiet)
        let endpoints =
            ClaimRoutes(submission: submission, outcomes: outcomes, issuer: issuer).endpoints
            + CouponRoutes(postgres: postgres).endpoints
            + OperatorRoutes(metrics: MetricsRegistry(), publisher: publisher, redis: redis, postgres: postgres)
            .endpoints
        return Dictionary(
            uniqueKeysWithValues: endpoints.map { ($0.path, Set($0.handlers.keys.map { $0.rawValue.lowercased() })) })
    }

    /// Every path with its methods, as the description has them.
    private func described() throws -> [String: Set<String>] {
        let json = try JSONSerialization.jsonObject(with: OperatorRoutes.openAPI()) as? [String: Any]
        let paths = try #require(json?["paths"] as? [String: [String: Any]])
        let methods: Set = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
        return paths.mapValues { methods.intersection($0.keys) }
    }

    @Test func everyEndpointIsDescribed() throws {
        let described = try described()
        for (path, methods) in try routed() {
            #expect(described[path]?.isSuperset(of: methods) == true, "\(path): \(methods)")
        }
    }

    @Test func whatIsDescribedIsThere() throws {
        let routed = try routed()
        for (path, methods) in try described() {
            #expect(routed[path]?.isSuperset(of: methods) == true, "\(path): \(methods)")
        }
    }
}
