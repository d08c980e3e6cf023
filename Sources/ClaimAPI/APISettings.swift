import Claims
import Settings

/// The settings of ClaimAPI, read from the environment.
struct APISettings: Sendable {
    var stores: StoreSettings
    var host: String
    var port: Int
    var idSecret: String
    /// The longest wait for a publisher confirm.
    var confirmTimeout: Duration
    /// The most requests that wait for their confirm.
    var publishQueue: Int
    var postgresConnections: Int

    static let httpHost = Setting("CLAIMS_HTTP_HOST", defaultValue: "127.0.0.1", help: "Address to listen on")
    static let httpPort = Setting("CLAIMS_HTTP_PORT", defaultValue: "8080", help: "Port to listen on")
    static let secret = Setting(
        "CLAIMS_ID_SECRET", isSecret: true,
        help: "Secret for claim ids, at least 32 characters; the same for all API processes, never changed")
    static let confirm = Setting(
        "CLAIMS_CONFIRM_TIMEOUT_MS", defaultValue: "5000",
        help: "Maximum wait for a publisher confirm, in milliseconds")
    static let queue = Setting(
        "CLAIMS_PUBLISH_QUEUE", defaultValue: "10000",
        help: "Maximum requests that wait for a publisher confirm; 503 for further ones")
    static let postgres = Setting(
        "CLAIMS_POSTGRES_CONNECTIONS", defaultValue: "4", help: "Connections to PostgreSQL")

    static let all =
        StoreSettings.all + [httpHost, httpPort, secret, confirm, queue, postgres] + LogSettings.all

    init(_ reader: SettingReader) throws(SettingError) {
        stores = try StoreSettings(reader)
        host = try reader.text(Self.httpHost)
        port = try reader.integer(Self.httpPort, in: 1...65535)
        idSecret = try reader.value(Self.secret, mustBe: "at least 32 characters long") { text in
            text.utf8.count >= 32 ? text : nil
        }
        confirmTimeout = try reader.milliseconds(Self.confirm, in: 1...60_000)
        publishQueue = try reader.integer(Self.queue, in: 1...1_000_000)
        postgresConnections = try reader.integer(Self.postgres, in: 1...64)
    }
}
