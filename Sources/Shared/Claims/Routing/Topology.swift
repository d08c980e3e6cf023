package import Broker
internal import OrderedCollections

/// The queues and exchanges on the path of a claim's message. ClaimAPI and ClaimWorker declare them when they
/// connect. Declaring is idempotent as long as all programs declare the same, so the only setting that affects them is
/// the number of lanes.
///
/// ```
/// claims (direct) ──lane number──► claims.work.<lane> ──delivery limit──► claims.dead (fanout)
///     ▲                                                                      │         │
///     └──ttl over── claims.retry.<n> ◄── claims.retry.<n> (fanout)           ▼         ▼
///                                                                     claims.dead  claims.obituaries
/// ```
package struct Topology: Hashable, Sendable {
    /// The number of lanes.
    package let lanes: Int
    /// The number of delay queues: one for each retry. The API needs none.
    package let retries: Int
    /// The most delay queues that a system may have.
    package static let mostRetries = 10

    package init(lanes: Int, retries: Int = 0) {
        self.lanes = lanes
        self.retries = retries
    }

    /// Receives accepted claims. The routing key is the number of the lane.
    package static let workExchange = "claims"
    /// Receives the messages that the broker dead-letters, and routes them to ``deadQueue`` and ``brokerDeadLetterQueue``.
    package static let deadExchange = "claims.dead"
    /// The dead-letter queue: claims that failed after their retries.
    package static let deadQueue = "claims.dead"
    /// A copy of each message that the broker dead-lettered. A worker records the status of its claim.
    package static let brokerDeadLetterQueue = "claims.obituaries"

    /// An exclusive queue that serves as a lock on the dead-letter queue: messages that one reader holds unacknowledged are
    /// not visible to another.
    package static let deadQueueLock = "claims.dead.lock"

    package static func workQueue(lane: Int) -> String { "claims.work.\(lane)" }
    /// The name of a delay queue and of its exchange, which preserves the routing key for the return to the lane.
    package static func retry(_ retry: Int) -> String { "claims.retry.\(retry)" }
    package static func routingKey(lane: Int) -> String { String(lane) }

    /// The most redeliveries of a message before the broker dead-letters it. It limits what a poison message that kills
    /// its workers can do.
    ///
    /// The default of RabbitMQ 4 is 20 as well. Acknowledged deliveries do not count.
    package static let deliveryLimit = 20

    /// Declares all exchanges, queues and bindings.
    package func declare(on connection: AMQPConnection, channel: UInt16) throws(BrokerError) {
        try connection.declareExchange(Self.workExchange, type: "direct", channel: channel)
        try connection.declareExchange(Self.deadExchange, type: "fanout", channel: channel)

        for queue in [Self.deadQueue, Self.brokerDeadLetterQueue] {
            // Reading the dead-letter queue returns its messages. By default RabbitMQ 4 drops one that was returned 20 times.
            try connection.declareQueue(
                queue, arguments: ["x-queue-type": .string("quorum"), "x-delivery-limit": .int32(.max)],
                channel: channel)
            try connection.bindQueue(queue, to: Self.deadExchange, routingKey: "", channel: channel)
        }
        for lane in 0..<lanes {
            let queue = Self.workQueue(lane: lane)
            var arguments = Self.deadLettering(to: Self.deadExchange)
            arguments["x-single-active-consumer"] = .boolean(true)
            arguments["x-delivery-limit"] = .int32(Int32(Self.deliveryLimit))
            try connection.declareQueue(queue, arguments: arguments, channel: channel)
            try connection.bindQueue(
                queue, to: Self.workExchange, routingKey: Self.routingKey(lane: lane), channel: channel)
        }
        for retry in 0..<retries {
            let name = Self.retry(retry)
            // The delay is the time to live of each message, so that a changed setting needs no new queue.
            try connection.declareExchange(name, type: "fanout", channel: channel)
            try connection.declareQueue(
                name, arguments: Self.deadLettering(to: Self.workExchange), channel: channel)
            try connection.bindQueue(name, to: name, routingKey: "", channel: channel)
        }
    }

    /// Returns the arguments for at-least-once dead-lettering, which requires the overflow behaviour reject-publish.
    ///
    /// <https://www.rabbitmq.com/docs/quorum-queues#activating-at-least-once-dead-lettering>
    private static func deadLettering(to exchange: String) -> AMQPTable {
        [
            "x-queue-type": .string("quorum"),
            "x-dead-letter-exchange": .string(exchange),
            "x-dead-letter-strategy": .string("at-least-once"),
            "x-overflow": .string("reject-publish"),
        ]
    }
}
