import Broker
import Claims
import Hummingbird
import HummingbirdCore
import Logging
import Metrics
import NIOPosix
import Observability
import Postgres
import Redis
import ServiceLifecycle
import UnixSignals

/// Builds ClaimAPI: the connections to the stores, the routes and the server, as one group of services.
func buildApplication(_ settings: APISettings, logger: Logger) -> ServiceGroup {
    let metrics = MetricsRegistry(MetricDescription.api)
    MetricsSystem.bootstrap(metrics)

    let name = "ClaimAPI \(settings.port)"
    let redis = RedisClient(settings.stores.redis, logger: logger) { connection in
        // The sequences of several API processes are comparable, although their machines' clocks differ.
        if let clock = try? SharedClock.read(from: connection) { PublishSequence.followClock(aheadBy: clock.offset) }
    }
    let lanes = settings.stores.lanes
    var pool = PostgresClient.Configuration(
        settings.stores.database, name: name, connections: settings.postgresConnections, patience: .seconds(3)
    ) { connection throws(PostgresError) in try StoreCheck.check(connection, lanes: lanes) }
    let postgres = PostgresClient(pool, logger: logger)
    // Changes of coupons wait for rows that workers lock, and lists of users are long. Neither may hold up a reader.
    pool.name += " changes"
    pool.connections = 2
    pool.patience = .seconds(10)
    let changesPool = PostgresClient(pool, logger: logger)
    var publishing = Publisher<ClaimMessage>.Configuration(
        addresses: settings.stores.brokers, heartbeat: 10, confirmTimeout: settings.confirmTimeout,
        capacity: settings.publishQueue, name: name, routes: lanes,
        message: { claims, lane in
            OutgoingMessage(
                .claims(claims, encodedBy: .shared), exchange: Topology.workExchange,
                routingKey: Topology.routingKey(lane: lane))
        }, prepare: Topology(lanes: lanes).declare)
    publishing.itemsPerMessage = ClaimMessage.maximumPerMessage
    publishing.messagesPerRoute = 2
    publishing.fullMessagesPerRoute = 64
    let publisher = Publisher(publishing, logger: logger)
    let changes = ClaimChanges(settings.stores.redis, logger: logger)

    let issuer = ClaimIDIssuer(secret: settings.idSecret)
    let outcomes = OutcomeReader(
        redis: redis, postgres: postgres, changes: changes, lanes: lanes)
    let admission = AdmissionControl(maximum: settings.maximumWaiting, target: settings.targetLatency)
    let conveyor = ClaimConveyor(
        redis: redis, publisher: publisher, lanes: lanes, confirmTimeout: settings.confirmTimeout, logger: logger)
    let submission = ClaimSubmission(
        issuer: issuer, conveyor: conveyor, outcomes: outcomes, admission: admission, logger: logger)

    let endpoints =
        ClaimRoutes(submission: submission, outcomes: outcomes, issuer: issuer).endpoints
        + CouponRoutes(postgres: postgres, changes: changesPool).endpoints
        + OperatorRoutes(metrics: metrics, publisher: publisher, redis: redis, postgres: postgres).endpoints
    let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
    let requestMetrics = RequestMetrics()
    router.add(middleware: RequestMetricsMiddleware(metrics: requestMetrics))
    router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: logger))
    for endpoint in endpoints { router.add(endpoint) }

    let connections = ConcurrencyLimit(settings.maximumConnections)
    let limits = settings.connectionLimits
    let server = Application(
        router: router,
        server: HTTPServerBuilder { responder in
            EventLoopChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        additionalChannelHandlers: [
                            ConnectionLimitHandler(
                                limits, connections: connections, admission: admission, metrics: requestMetrics)
                        ])))
        },
        configuration: ApplicationConfiguration(
            address: .hostname(settings.host, port: settings.port), serverName: StandardHeaders.serverName,
            backlog: 4096),
        eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: settings.eventLoops)),
        logger: logger)
    // Services are shut down in reverse order: the server first, then what its requests depend on.
    let services: [any Service] = [
        postgres, changesPool, redis, RedisMemoryMonitor(redis: redis, logger: logger), publisher, changes,
        ClaimPoller(outcomes: outcomes), server,
    ]
    // A service ends with an error if a setting contradicts the database. Requests that are being served still finish.
    var configuration = ServiceGroupConfiguration(
        services: services.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
        },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // Requests that are still in progress by then are cancelled.
    configuration.maximumGracefulShutdownDuration = settings.shutdownTimeout
    return ServiceGroup(configuration: configuration)
}
