import Admin
import Broker
import Claims
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import Metrics
import NIOPosix
import Observability
import Postgres
import Redis
import RuntimeSupport
import ServiceLifecycle
import Settings
import Telemetry
import UnixSignals

/// Builds ClaimAPI: the connections to the stores, the routes and the server, as one group of services.
///
/// - Throws: ``SettingError`` if a file that a setting names can't be used.
func buildApplication(_ settings: APISettings, logger: Logger) async throws -> ServiceGroup {
    let metrics = MetricsRegistry(MetricDescription.api + SpanBuffer.descriptions)
    MetricsSystem.bootstrap(metrics)

    let name = "ClaimAPI \(settings.port)"
    let telemetry = Telemetry.bootstrap(settings.tracing, service: "ClaimAPI", instance: name, logger: logger)
    let redis = RedisClient(settings.stores.redis, logger: logger) { connection in
        // The sequences of several API processes are comparable, although their machines' clocks differ.
        if let clock = try? SharedClock.read(from: connection) { PublishSequence.followClock(aheadBy: clock.offset) }
    }
    let issuer = ClaimIDIssuer(secrets: settings.idSecrets)
    let lanes = settings.stores.lanes
    var pool = PostgresClient.Configuration(
        settings.stores.database, name: name, connections: settings.postgresConnections, patience: .seconds(3)
    ) { connection throws(PostgresError) in
        try StoreCheck.check(connection, lanes: lanes)
        issuer.datesIDsFrom = try DatedIDs.firstDay(on: connection)
    }
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

    let access = try await Access(settings, redis: redis, name: name, logger: logger)
    let outcomes = OutcomeReader(
        redis: redis, postgres: postgres, changes: changes, lanes: lanes, issuer: issuer,
        retention: settings.retention)
    let admission = AdmissionControl(maximum: settings.maximumWaiting, target: settings.targetLatency)
    let conveyor = ClaimConveyor(
        redis: redis, publisher: publisher, issuer: issuer, lanes: lanes, confirmTimeout: settings.confirmTimeout,
        logger: logger)
    let submission = ClaimSubmission(
        issuer: issuer, conveyor: conveyor, outcomes: outcomes, admission: admission, isTraced: telemetry != nil,
        logger: logger)
    let reader = DeadLetterReader(settings.stores)
    let jobs = OperatorJobs("dlq", settings.stores, redis: redis, logger: logger)
    let audits = OperatorJobs("audit", settings.stores, redis: redis, logger: logger)
    let queues = QueueObserver(settings.stores, name: "\(name) queues", logger: logger)
    let overview = OverviewFeed(
        lanes: lanes, redis: redis, queues: queues,
        access: OverviewAccess(
            requiresTokens: settings.access.requiresTokens, isOpenOnLoopback: settings.access.isOpenOnLoopback)
    ) {
        Overview.Stores(
            rabbitmq: publisher.unavailableReason, redis: redis.unavailableReason,
            postgres: postgres.unavailableReason)
    } onDeadLetters: { depth in
        reader.prepare(depth: depth)
    }

    let drain = Drain(for: settings.drainTime, logger: logger)
    let endpoints =
        ClaimRoutes(
            submission: submission, outcomes: outcomes, issuer: issuer, tickets: access.tickets, reader: reader,
            changes: changesPool, logger: logger
        ).endpoints
        + CouponRoutes(postgres: postgres, changes: changesPool).endpoints
        + DeadLetterRoutes(reader: reader, jobs: jobs, stores: settings.stores).endpoints
        + AuditRoutes(jobs: audits).endpoints
        + KeyRoutes(postgres: postgres, changes: changesPool).endpoints
        + LogRoutes(postgres: postgres).endpoints
        + OverviewRoutes(feed: overview).endpoints
        + ConsoleFiles.endpoints
        + OperatorRoutes(
            metrics: metrics, publisher: publisher, redis: redis, postgres: postgres, drain: drain,
            access: access.gate.access
        ).endpoints
    let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
    let requestMetrics = RequestMetrics()
    if let origins = settings.access.corsOrigins { router.add(middleware: CORS(origins: origins)) }
    if let telemetry { router.add(middleware: RequestTracing(tracer: telemetry.tracer)) }
    router.add(middleware: RequestMetricsMiddleware(metrics: requestMetrics))
    router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: logger))
    for endpoint in endpoints { router.add(endpoint, behind: access.gate) }

    let connections = ConcurrencyLimit(settings.maximumConnections)
    let limits = settings.connectionLimits
    let http = HTTPServerBuilder { responder in
        EventLoopChannel(
            base: HTTP1Channel(
                responder: responder,
                configuration: .init(
                    additionalChannelHandlers: [
                        ConnectionLimitHandler(
                            limits, connections: connections, admission: admission, drain: drain,
                            metrics: requestMetrics)
                    ])))
    }
    let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: settings.eventLoops)
    let admin = settings.admin.map { address in
        let watches = LoopWatch.watching(eventLoops)
        let control = access.gate.access
        let system = SystemMetrics(queues: queues, postgres: postgres, redis: redis)
        return AdminServer(
            address,
            AdminServer.Reports {
                watches.compactMap { $0.stall() }
            } readiness: {
                Readiness(publisher: publisher, redis: redis, postgres: postgres, access: control, drain: drain)
            } metrics: {
                await metrics.snapshot() + system.families()
            }, logger: logger)
    }
    let certificates = try settings.access.certificates.map { try Certificates($0, logger: logger) }
    let server = Application(
        router: router,
        server: try certificates.map { try .tls(http, tlsConfiguration: $0.configuration()) } ?? http,
        configuration: ApplicationConfiguration(
            address: .hostname(settings.host, port: settings.port), serverName: StandardHeaders.serverName,
            backlog: 4096),
        onServerRunning: { _ in drain.serverStarted() },
        eventLoopGroupProvider: .shared(eventLoops),
        logger: logger)
    // Services are shut down in reverse order: the drain, the server, then what its requests depend on. The admin listener ends
    // last, so that a shutdown can be observed, and the exporter after all that makes spans.
    let optional: [(any Service)?] = [admin, telemetry?.exporter]
    let services: [any Service] =
        optional.compactMap(\.self) + [
            postgres, changesPool, redis, RedisMemoryMonitor(redis: redis, logger: logger), publisher, changes,
            ClaimPoller(outcomes: outcomes), queues, overview, jobs, audits,
        ] + access.services + (certificates.map { [$0] } ?? []) + [server, drain]
    // A service ends with an error if a setting contradicts the database. Requests that are being served still finish.
    var configuration = ServiceGroupConfiguration(
        services: services.map {
            ServiceGroupConfiguration.ServiceConfiguration(
                service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
        },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // Requests that are still in progress by then are cancelled.
    configuration.maximumGracefulShutdownDuration = settings.drainTime + settings.shutdownTimeout
    return ServiceGroup(configuration: configuration)
}
