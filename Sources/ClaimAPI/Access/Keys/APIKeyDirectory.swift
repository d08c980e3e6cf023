import Claims
import Logging
import Postgres
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// The API keys in memory, so that a request asks no server. They stay while PostgreSQL is away.
///
/// Changes are announced by a notification. The number of the last change is read every second as well, because a
/// notification can be lost: a revoked key is refused within 2 s as long as PostgreSQL can be reached.
final class APIKeyDirectory: Service {
    private struct Entry: Sendable {
        let service: ServiceIdentity
        let hash: [UInt8]
        let expiresAt: Timestamp?
    }

    private let address: PostgresAddress
    private let name: String
    private let logger: Logger
    /// By id; nil until they are loaded for the first time.
    private let entries = Mutex<[String: Entry]?>(nil)
    private let stop = StopSignal()
    private static let interval = Duration.seconds(1)

    /// - Parameter name: names the connection in `pg_stat_activity`.
    init(_ address: PostgresAddress, name: String, logger: Logger) {
        self.address = address
        self.name = name
        self.logger = logger
    }

    /// Whether the keys were loaded since the start.
    var isLoaded: Bool { entries.withLock { $0 != nil } }

    /// Returns the service that a key belongs to.
    ///
    /// - Throws: ``TokenFailure/unknownKey`` for any key that can't be used.
    func service(_ text: String, now: Timestamp) throws(TokenFailure) -> ServiceIdentity {
        guard let token = APIKeyToken(text), let entry = entries.withLock({ $0?[token.id] }),
            entry.expiresAt.map({ now < $0 }) ?? true, Self.isEqual(token.hash, entry.hash)
        else { throw .unknownKey }
        return entry.service
    }

    /// Replaces the keys.
    func replace(_ keys: [APIKeyStore.Snapshot.Key]) {
        let loaded = Dictionary(
            keys.map { key in
                (
                    key.id,
                    Entry(
                        service: ServiceIdentity(id: key.id, name: key.name, scopes: key.scopes), hash: key.hash,
                        expiresAt: key.expiresAt)
                )
            }, uniquingKeysWith: { first, _ in first })
        entries.withLock { $0 = loaded }
    }

    /// Compares all bytes, so that the time taken does not reveal where they differ.
    private static func isEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
        given.count == expected.count && zip(given, expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    func run() async throws {
        await BlockingThread.run(name: "api-keys", until: stop) { self.work() }
    }

    private func work() {
        stop.retrying { connected in
            let connection = try PostgresConnection(
                address, name: name, timeouts: .init(lock: .seconds(1), statement: .seconds(2), answer: .seconds(3)))
            try connection.listen(to: APIKeyStore.changes)
            connected()
            var number: Int?
            while !stop.isRequested {
                if let snapshot = try APIKeyStore(connection).snapshot(after: number) {
                    replace(snapshot.keys)
                    number = snapshot.number
                    logger.debug("API keys loaded", metadata: ["keys": "\(snapshot.keys.count)"])
                }
                _ = try connection.awaitNotification(orSignal: stop.wake, atMost: Self.interval)
            }
        } onFailure: { error, pause in
            logger.warning(
                "API keys can't be read; those in memory stay valid",
                metadata: ["error": "\(error)", "retry.in": "\(pause)"])
        }
    }
}
