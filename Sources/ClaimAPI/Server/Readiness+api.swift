import Admin
import Broker
import Claims
import Postgres
import Redis

extension Readiness {
    /// The readiness of an API process. It accepts claims without Redis and PostgreSQL. If it requires tokens, it needs
    /// them once, to check tokens.
    ///
    /// - Parameters:
    ///   - access: nil for an open API.
    ///   - drain: its begin makes the process unready.
    init(
        publisher: Publisher<ClaimMessage>, redis: RedisClient, postgres: PostgresClient, access: AccessControl?,
        drain: Drain
    ) {
        let rabbitmq = publisher.unavailableReason
        let reason =
            drain.isActive
            ? "ClaimAPI: shutting down."
            : rabbitmq.map { "RabbitMQ: \($0)." } ?? access?.unavailableReason.map { "Access: \($0)." }
        self.init(
            stores: [
                Store("rabbitmq", unavailableReason: rabbitmq),
                Store("redis", unavailableReason: redis.unavailableReason),
                Store("postgres", unavailableReason: postgres.unavailableReason),
            ],
            missing: reason.map { "Claims cannot be accepted. \($0)" })
    }
}
