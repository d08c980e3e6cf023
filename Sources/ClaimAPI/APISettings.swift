import Admin
import Claims
import NIOCore
import Settings
import Telemetry

/// The settings of ClaimAPI, read from the environment.
struct APISettings: Sendable {
    var stores: StoreSettings
    var host: String
    var port: Int
    /// The first one issues claim ids, all are recognized.
    var idSecrets: [String]
    var access: AccessSettings
    /// The longest wait for a publisher confirm.
    var confirmTimeout: Duration
    /// The most requests that wait for their confirm.
    var publishQueue: Int
    var postgresConnections: Int
    /// The most submissions that are in progress.
    var maximumWaiting: Int
    /// How long a submission may wait before further ones are refused.
    var targetLatency: Duration
    var maximumConnections: Int
    /// The number of threads that serve connections.
    var eventLoops: Int
    var connectionLimits: ConnectionState.Limits
    /// How long finished claims are kept.
    var retention: RetentionSettings
    /// How long requests are served after a graceful shutdown has begun.
    var drainTime: Duration
    /// How long a graceful shutdown then waits for requests in progress.
    var shutdownTimeout: Duration
    /// Nil for no admin listener.
    var admin: AdminSettings?
    /// Nil for no tracing.
    var tracing: TraceSettings?

    static let httpHost = Setting("CLAIMS_HTTP_HOST", defaultValue: "127.0.0.1", help: "Address to listen on")
    static let httpPort = Setting("CLAIMS_HTTP_PORT", defaultValue: "8080", help: "Port to listen on")
    static let confirm = Setting(
        "CLAIMS_CONFIRM_TIMEOUT_MS", defaultValue: "5000",
        help: "Maximum wait for a publisher confirm, in milliseconds")
    static let queue = Setting(
        "CLAIMS_PUBLISH_QUEUE", defaultValue: "10000",
        help: "Maximum requests that wait for a publisher confirm; 503 for further ones")
    static let postgres = Setting(
        "CLAIMS_POSTGRES_CONNECTIONS", defaultValue: "4", help: "Connections to PostgreSQL")
    static let waiting = Setting(
        "CLAIMS_MAX_WAITING", defaultValue: "2000",
        help: "Maximum claims and cancellations in progress; 503 overloaded for further ones")
    static let latency = Setting(
        "CLAIMS_TARGET_LATENCY_MS", defaultValue: "300",
        help: "Wait for a confirm above which further claims are refused with 503 overloaded, in milliseconds")
    static let connections = Setting(
        "CLAIMS_MAX_CONNECTIONS", defaultValue: "20000",
        help: "Maximum open connections; 503 overloaded for further ones")
    static let loops = Setting(
        "CLAIMS_EVENT_LOOPS", defaultValue: "auto",
        help: "Threads that serve connections, 1 to 256, or auto: one per core")
    static let headerTimeout = Setting(
        "CLAIMS_HEADER_TIMEOUT_MS", defaultValue: "10000",
        help: "Maximum time from connecting to the end of the first request's header, in milliseconds")
    static let idleTimeout = Setting(
        "CLAIMS_IDLE_TIMEOUT_MS", defaultValue: "75000",
        help: "Maximum time from a response to the end of the next request's header, in milliseconds")
    static let bodyTimeout = Setting(
        "CLAIMS_BODY_TIMEOUT_MS", defaultValue: "30000",
        help: "Maximum time from a request's header to the end of its body, in milliseconds")
    static let writeTimeout = Setting(
        "CLAIMS_WRITE_TIMEOUT_MS", defaultValue: "30000",
        help: "Maximum time without progress while a client does not read its response, in milliseconds")
    static let drain = Setting(
        "CLAIMS_DRAIN_MS", defaultValue: "0",
        help: "Time after SIGTERM in which /readyz is 503 and requests are still served, in milliseconds")
    static let shutdown = Setting(
        "CLAIMS_SHUTDOWN_TIMEOUT_MS", defaultValue: "10000",
        help: "Maximum time for requests in progress after SIGTERM and the drain, in milliseconds")

    static let all =
        StoreSettings.all
        + [
            httpHost, httpPort, ClaimIDIssuer.setting, confirm, queue, postgres, waiting, latency, connections, loops,
            headerTimeout, idleTimeout, bodyTimeout, writeTimeout, drain, shutdown, RetentionSettings.retentionDays,
        ] + AccessSettings.all + AdminSettings.all + TraceSettings.all + LogSettings.all

    init(_ reader: SettingReader) throws(SettingError) {
        stores = try StoreSettings(reader)
        host = try reader.text(Self.httpHost)
        port = try reader.integer(Self.httpPort, in: 1...65535)
        idSecrets = try ClaimIDIssuer.secrets(reader)
        access = try AccessSettings(reader, host: host)
        confirmTimeout = try reader.milliseconds(Self.confirm, in: 1...60_000)
        publishQueue = try reader.integer(Self.queue, in: 1...1_000_000)
        postgresConnections = try reader.integer(Self.postgres, in: 1...64)
        maximumWaiting = try reader.integer(Self.waiting, in: 1...1_000_000)
        targetLatency = try reader.milliseconds(Self.latency, in: 1...60_000)
        maximumConnections = try reader.integer(Self.connections, in: 1...1_000_000)
        eventLoops = try reader.value(Self.loops, mustBe: "auto or a whole number from 1 to 256") { text in
            text == "auto" ? min(256, System.coreCount) : Int(text).flatMap { (1...256).contains($0) ? $0 : nil }
        }
        connectionLimits = ConnectionState.Limits(
            header: try reader.milliseconds(Self.headerTimeout, in: 1...3_600_000),
            idle: try reader.milliseconds(Self.idleTimeout, in: 1...3_600_000),
            body: try reader.milliseconds(Self.bodyTimeout, in: 1...3_600_000),
            write: try reader.milliseconds(Self.writeTimeout, in: 1...3_600_000))
        retention = RetentionSettings(days: try RetentionSettings.days(reader))
        drainTime = try reader.milliseconds(Self.drain, in: 0...600_000)
        shutdownTimeout = try reader.milliseconds(Self.shutdown, in: 0...600_000)
        admin = try AdminSettings.read(reader)
        tracing = try TraceSettings.read(reader)
        if let admin, admin.port == port {
            throw SettingError(
                description: "\(AdminSettings.adminPort.name) must be another port than \(Self.httpPort.name)")
        }
    }
}
