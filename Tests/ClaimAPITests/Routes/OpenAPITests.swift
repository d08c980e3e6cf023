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

/// The paths and methods of the document against those of the router.
@Suite struct OpenAPITests {
    /// The secret that the claim ids of ``endpoints()`` are made with.
    static let secret = "a secret of at least 32 characters"

    /// The endpoints of the API, without a connection to any server.
    ///
    /// - Parameter access: what the readiness asks; nil for an open API.
    static func endpoints(access: AccessControl? = nil) throws -> [Endpoint] {
        let redisAddress = try #require(RedisAddress(url: "redis://127.0.0.1:1"))
        let redis = RedisClient(redisAddress, logger: .quiet)
        let address = try #require(PostgresAddress(url: "postgres://127.0.0.1:1"))
        let postgres = PostgresClient(
            .init(address, name: "test", connections: 1, patience: .seconds(1)), logger: .quiet)
        let publisher = Publisher<ClaimMessage>(
            Publisher.Configuration(
                addresses: [], heartbeat: 1, confirmTimeout: .seconds(1), capacity: 1, name: "test", routes: 1,
                message: { _, _ in preconditionFailure("nothing is published") }, prepare: Topology(lanes: 1).declare),
            logger: .quiet)
        let issuer = ClaimIDIssuer(secret: secret)
        let outcomes = OutcomeReader(
            redis: redis, postgres: postgres, changes: ClaimChanges(redisAddress, logger: .quiet), lanes: 1,
            issuer: issuer, retention: RetentionSettings(days: nil))
        let conveyor = ClaimConveyor(
            redis: redis, publisher: publisher, issuer: issuer, lanes: 1, confirmTimeout: .seconds(1), logger: .quiet)
        let submission = ClaimSubmission(
            issuer: issuer, conveyor: conveyor, outcomes: outcomes,
            admission: AdmissionControl(maximum: 100, target: .seconds(1)), isTraced: false, logger: .quiet)
        let broker = try #require(BrokerAddress.list("amqp://guest:guest@127.0.0.1:1/"))
        let stores = StoreSettings(database: address, redis: redisAddress, brokers: broker, lanes: 1)
        let reader = DeadLetterReader(stores)
        let queues = QueueObserver(stores, name: "test", logger: .quiet)
        let isOpen = OverviewAccess(requiresTokens: access != nil, isOpenOnLoopback: access == nil)
        let feed = OverviewFeed(lanes: 1, redis: redis, queues: queues, access: isOpen) {
            Overview.Stores(rabbitmq: "away", redis: "away", postgres: "away")
        }
        let endpoints =
            ClaimRoutes(
                submission: submission, outcomes: outcomes, issuer: issuer, tickets: ClaimTickets(secrets: [secret]),
                reader: reader, changes: postgres, logger: .quiet
            ).endpoints
            + CouponRoutes(postgres: postgres, changes: postgres).endpoints
            + DeadLetterRoutes(
                reader: reader, jobs: OperatorJobs("dlq", stores, redis: redis, logger: .quiet), stores: stores
            ).endpoints
            + AuditRoutes(jobs: OperatorJobs("audit", stores, redis: redis, logger: .quiet)).endpoints
            + KeyRoutes(postgres: postgres, changes: postgres).endpoints + LogRoutes(postgres: postgres).endpoints
            + OverviewRoutes(feed: feed).endpoints + ConsoleFiles.endpoints
            + OperatorRoutes(
                metrics: MetricsRegistry(), publisher: publisher, redis: redis, postgres: postgres,
                drain: Drain(for: .zero, logger: .quiet), access: access
            ).endpoints
        return endpoints
    }

    @Test func theDocumentHasTheEndpointsOfTheRouter() throws {
        let routed = try Self.endpoints().flatMap { endpoint in
            endpoint.handlers.keys.map { "\($0.rawValue) \(endpoint.path)" }
        }
        #expect(try Set(OpenAPIDocument().operations.map(\.name)) == Set(routed))
    }
}
