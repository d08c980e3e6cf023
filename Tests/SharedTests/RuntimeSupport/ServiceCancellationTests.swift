import Broker
import Logging
import Postgres
import Redis
import RuntimeSupport
import Testing

/// A service that is cancelled, as all others are when one fails, ends like one that is shut down.
@Suite(.timeLimit(.minutes(1))) struct ServiceCancellationTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func expectEnd(_ run: @escaping @Sendable () async throws -> Void) async {
        let task = Task { try await run() }
        task.cancel()
        _ = await task.result
    }

    @Test func aCancelledRedisClientEnds() async throws {
        let redis = RedisClient(try #require(RedisAddress(url: "redis://127.0.0.1:1")), logger: quiet)
        await expectEnd { try await redis.run() }
    }

    @Test func aCancelledPostgresClientEnds() async throws {
        let address = try #require(PostgresAddress(url: "postgres://127.0.0.1:1"))
        let postgres = PostgresClient(
            PostgresClient.Configuration(address, name: "test", connections: 2, patience: .seconds(1)), logger: quiet)
        await expectEnd { try await postgres.run() }
    }

    @Test func aCancelledPublisherEnds() async throws {
        let addresses = try #require(BrokerAddress.list("amqp://a:b@127.0.0.1:1/"))
        let publisher = Publisher<OutgoingMessage>(
            Publisher.Configuration(
                addresses: addresses, heartbeat: 1, confirmTimeout: .seconds(1), capacity: 1, name: "test", routes: 1,
                message: { items, _ in items[0] }, prepare: { _, _ in }),
            logger: quiet)
        await expectEnd { try await publisher.run() }
    }

    @Test func aCancelledThreadWithAStopSignalEnds() async {
        let stop = StopSignal()
        await expectEnd {
            await BlockingThread.run(name: "test", until: stop) {
                while !stop.isRequested { stop.wait(atMost: .seconds(1)) }
            }
        }
    }
}
