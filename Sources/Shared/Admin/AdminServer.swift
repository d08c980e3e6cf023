internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
internal import NIOPosix
package import Observability
internal import RuntimeSupport
internal import ServiceLifecycle

/// Serves `/healthz`, `/readyz` and `/metrics` of a process, on an address and an event loop of its own.
///
/// The answers do not wait for the event loops of other requests. They need no token, so the address must be reachable for
/// operators only.
package struct AdminServer: Service {
    /// What a process reports about itself.
    package struct Reports: Sendable {
        /// Returns the loops of the process that make no progress.
        package var stalledLoops: @Sendable () -> [String]
        package var readiness: @Sendable () async -> Readiness
        /// Returns the metrics of this process, without those of ``ProcessMetrics`` and of the stores.
        package var metrics: @Sendable () async -> [MetricFamily]

        package init(
            stalledLoops: @escaping @Sendable () -> [String], readiness: @escaping @Sendable () async -> Readiness,
            metrics: @escaping @Sendable () async -> [MetricFamily]
        ) {
            self.stalledLoops = stalledLoops
            self.readiness = readiness
            self.metrics = metrics
        }
    }

    private let settings: AdminSettings
    private let reports: Reports
    private let logger: Logger
    /// The most open connections. A monitoring system needs a few.
    private static let connectionLimit = 64
    /// A connection that sends nothing for this long is closed. Prometheus keeps its connection between two scrapes.
    private static let idleTimeout = TimeAmount.minutes(3)

    package init(_ settings: AdminSettings, _ reports: Reports, logger: Logger) {
        self.settings = settings
        self.reports = reports
        self.logger = logger
    }

    /// Serves until the graceful shutdown.
    ///
    /// - Throws: ``ListenError``.
    package func run() async throws {
        let router = Router()
        router.get("healthz") { _, _ in health() }
        router.get("readyz") { _, _ in await readiness() }
        router.get("metrics") { _, _ in await exposition() }
        let server = Application(
            router: router,
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: "claims",
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)), logger: logger)
        do {
            try await server.run()
        } catch let error as IOError {
            throw ListenError(
                host: settings.host, port: settings.port, hostSetting: AdminSettings.adminHost,
                portSetting: AdminSettings.adminPort, cause: error)
        }
    }

    private func health() -> Response {
        let stalled = reports.stalledLoops()
        guard !stalled.isEmpty else { return Self.json(Array(#"{"status":"ok"}"#.utf8), .ok) }
        var json = JSONText()
        json.append(json: #"{"status":"stalled","detail":"#)
        json.append(string: stalled.joined(separator: "; "))
        json.append(json: "}")
        return Self.json(json.bytes, .serviceUnavailable)
    }

    private func readiness() async -> Response {
        let readiness = await reports.readiness()
        guard readiness.missing != nil else { return Self.json(readiness.json, .ok) }
        return Self.json(readiness.json, .serviceUnavailable, type: "application/problem+json")
    }

    private func exposition() async -> Response {
        async let metrics = reports.metrics()
        async let storeUp = reports.readiness().storeUp
        let text = (await metrics + [await storeUp] + ProcessMetrics.families()).merged().prometheusText
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private static func json(
        _ body: [UInt8], _ status: HTTPResponse.Status, type: String = "application/json"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
