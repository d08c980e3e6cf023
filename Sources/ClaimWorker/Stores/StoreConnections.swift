import Claims
import Postgres
import Redis

/// One thread's connections to Redis and PostgreSQL. Each is made when it is first needed, and again after an outage.
final class StoreConnections {
    private let settings: StoreSettings
    private let name: String
    /// Called about once per second while statements run, to keep the thread's broker connection alive.
    var whileWaiting: () -> Void = {}
    /// When it is called next, between statements that are too short to be waited for.
    private var nextKeepAlive = ContinuousClock.now
    private var redisConnection: RedisConnection?
    private var postgresConnection: PostgresConnection?

    /// A claim whose coupon's row is locked waits in the worker and not in the server, so that it delays no other coupon.
    private static let timeouts = PostgresConnection.Timeouts(lock: .milliseconds(500))

    /// - Parameter name: shown in `pg_stat_activity`.
    init(_ settings: StoreSettings, name: String) {
        self.settings = settings
        self.name = name
    }

    /// Sends a request to Redis. An empty one needs no connection.
    ///
    /// - Throws: ``Outage``.
    func send<Answer>(_ request: RedisRequest<Answer>) throws(Outage) -> Answer {
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
    /// - Returns: the error of a statement that failed although the server can decide claims.
    /// - Throws: ``Outage``. The connection is discarded then.
    func postgres<Value>(
        _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(Outage) -> Result<Value, PostgresError> {
        if ContinuousClock.now >= nextKeepAlive {
            nextKeepAlive = .now + .seconds(1)
            whileWaiting()
        }
        let result = try attempt(body)
        if case .failure(let error) = result, error.mayBeOutage { try probePostgres() }
        return result
    }

    /// Checks that both stores take writes.
    ///
    /// - Returns: an outage for each that does not.
    func probe() -> [Outage] {
        var outages: [Outage] = []
        do throws(Outage) { try send(StoreProbe.redis) } catch { outages.append(error) }
        do throws(Outage) { try probePostgres() } catch { outages.append(error) }
        return outages
    }

    private func probePostgres() throws(Outage) {
        for query in StoreProbe.postgres {
            let result = try attempt { connection throws(PostgresError) in try connection.execute(query) }
            // Any other error is raised by a rule of this database, and the server is able to check rules.
            if case .failure(let error) = result, error.mayBeOutage { throw .postgres(error) }
        }
    }

    /// Runs `body`. Errors that certainly mean an outage are thrown.
    private func attempt<Value>(
        _ body: (PostgresConnection) throws(PostgresError) -> Value
    ) throws(Outage) -> Result<Value, PostgresError> {
        do throws(PostgresError) {
            let connection: PostgresConnection
            if let existing = postgresConnection, existing.isAlive {
                connection = existing
            } else {
                connection = try PostgresConnection(
                    settings.database, name: name, timeouts: Self.timeouts,
                    whileWaiting: { [unowned self] in self.whileWaiting() })
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
}
