import Claims
import Postgres
import Redis

/// One thread's connections to Redis and PostgreSQL. Each is made when it is first needed, and again after an outage.
final class StoreConnections {
    private let settings: StoreSettings
    private let name: String
    /// Called about once per second while a statement runs, to keep the thread's broker connection alive.
    var whileWaiting: () -> Void = {}
    private var redisConnection: RedisConnection?
    private var postgresConnection: PostgresConnection?

    /// - Parameter name: shown in `pg_stat_activity`.
    init(_ settings: StoreSettings, name: String) {
        self.settings = settings
        self.name = name
    }

    /// Sends a request to Redis. An empty one needs no connection.
    ///
    /// - Throws: ``Outage``.
    func send(_ request: RedisRequest<Void>) throws(Outage) {
        guard !request.commands.isEmpty else { return }
        try redis { connection throws(RedisError) in try connection.send(request) }
    }

    /// Uses the connection to Redis.
    ///
    /// - Throws: ``Outage``. The connection is discarded then.
    func redis<Value>(_ body: (RedisConnection) throws(RedisError) -> Value) throws(Outage) -> Value {
        do throws(RedisError) {
            if let redisConnection { return try body(redisConnection) }
            let connection = try RedisConnection(settings.redis, timeout: .seconds(2))
            redisConnection = connection
            return try body(connection)
        } catch {
            redisConnection = nil
            throw .redis(error)
        }
    }

    /// Uses the connection to PostgreSQL.
    ///
    /// - Returns: the error of a statement that failed although the server is available.
    /// - Throws: ``Outage``. The connection is discarded then.
    func postgres<Value>(
        _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(Outage) -> Result<Value, PostgresError> {
        do throws(PostgresError) {
            let connection: PostgresConnection
            if let existing = postgresConnection, existing.isAlive {
                connection = existing
            } else {
                connection = try PostgresConnection(
                    settings.database, name: name, whileWaiting: { [unowned self] in self.whileWaiting() })
                try StoreCheck.check(connection, lanes: settings.lanes)
                postgresConnection = connection
            }
            return .success(try body(connection))
        } catch {
            guard error.isOutage else { return .failure(error) }
            postgresConnection = nil
            throw .postgres(error)
        }
    }

    /// Checks that both stores are available.
    ///
    /// - Throws: ``Outage`` if one is not.
    func check() throws(Outage) {
        try redis { connection throws(RedisError) in _ = try connection.send(["PING"]) }
        // It reads a table, since a server without the schema is of no use.
        if case .failure(let error) = try postgres({ connection throws(PostgresError) in
            try connection.execute("select from claims limit 0")
        }) {
            throw .postgres(error)
        }
    }
}
