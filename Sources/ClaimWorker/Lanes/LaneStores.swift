import Claims
import Logging
import Postgres
import Redis

/// A store can't be used at present. That is nobody's failed attempt: the lane waits for it.
enum Outage: Error, CustomStringConvertible {
    case redis(RedisError)
    case postgres(PostgresError)

    var description: String {
        switch self {
        case .redis(let error): "Redis: \(error)"
        case .postgres(let error): "PostgreSQL: \(error)"
        }
    }
}

/// A lane's own connections to Redis and PostgreSQL, made when they are first needed and again after each outage.
final class LaneStores {
    private let settings: StoreSettings
    private let name: String
    /// Keeps the lane's broker connection alive while a statement runs.
    var whileWaiting: () -> Void = {}
    private var redisConnection: RedisConnection?
    private var postgresConnection: PostgresConnection?

    init(_ settings: StoreSettings, name: String) {
        self.settings = settings
        self.name = name
    }

    /// Uses Redis.
    ///
    /// - Throws: ``Outage``; the connection is not used again.
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

    /// Uses PostgreSQL.
    ///
    /// - Returns: the error of a statement that failed while the server is well.
    /// - Throws: ``Outage``; the connection is not used again.
    func postgres<Value>(
        _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(Outage) -> Result<Value, PostgresError> {
        do throws(PostgresError) {
            let connection: PostgresConnection
            if let standing = postgresConnection, standing.isAlive {
                connection = standing
            } else {
                connection = try PostgresConnection(
                    settings.databaseURL, name: name, whileWaiting: { [unowned self] in self.whileWaiting() })
                postgresConnection = connection
            }
            return .success(try body(connection))
        } catch {
            guard error.isOutage else { return .failure(error) }
            postgresConnection = nil
            throw .postgres(error)
        }
    }

    /// Tries both stores.
    ///
    /// - Throws: ``Outage`` if one can't be used.
    func check() throws(Outage) {
        try redis { connection throws(RedisError) in _ = try connection.send(["PING"]) }
        // A table of ours, since a server that is up without its schema is of no use either.
        if case .failure(let error) = try postgres({ connection throws(PostgresError) in
            try connection.execute("select from claims limit 0")
        }) {
            throw .postgres(error)
        }
    }
}
