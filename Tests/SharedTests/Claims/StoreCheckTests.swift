import Broker
import Claims
import Postgres
import Redis
import Settings
import Testing

/// Servers that are too old, played by ``CannedServer``.
@Suite(.timeLimit(.minutes(1))) struct StoreCheckTests {
    private func stores(postgres: Int, redis: Int, broker: Int) throws -> StoreSettings {
        try StoreSettings(
            SettingReader(environment: [
                "DATABASE_URL": "postgres://u:p@127.0.0.1:\(postgres)/db?sslmode=disable&gssencmode=disable",
                "REDIS_URL": "redis://127.0.0.1:\(redis)", "AMQP_URL": "amqp://127.0.0.1:\(broker)",
            ]))
    }

    @Test func serversThatAreTooOldAreNamedWithBothVersions() async throws {
        let postgres = try CannedServer.postgres("13.23 (Debian 13.23-1)")
        let redis = try CannedServer.redis("6.2.14")
        let broker = try CannedServer.rabbitMQ("3.9.29")
        let stores = try stores(postgres: postgres.port, redis: redis.port, broker: broker.port)
        let problems = await StoreCheck.problems(of: stores, name: "test")
        #expect(
            Set(problems) == [
                .server("PostgreSQL 13.23 is too old; version 14 or later is required"),
                .server("Redis 6.2.14 is too old; version 7 or later is required"),
                .server("RabbitMQ 3.9.29 is too old; version 3.10 or later is required"),
            ])
    }

    @Test func serversThatCannotBeReachedAreNoProblem() async throws {
        #expect(await StoreCheck.problems(of: try stores(postgres: 1, redis: 1, broker: 1), name: "test") == [])
    }

    @Test func aNewerServerIsAccepted() throws {
        let redis = try CannedServer.redis("7.0.0")
        let broker = try CannedServer.rabbitMQ("3.10.0")
        let stores = try stores(postgres: 1, redis: redis.port, broker: broker.port)
        _ = try RedisConnection(stores.redis, timeout: .seconds(30))
        _ = try AMQPConnection(stores.brokers[0], heartbeat: 30, name: "test")
    }
}
