package import Broker
internal import OrderedCollections

/// The queues and exchanges that a claim's message travels, by name. Whoever connects declares them; declaring is
/// idempotent as long as every version declares the same, so nothing here depends on a setting but the lanes' number.
///
/// ```
/// claims (direct) ──lane number──► claims.work.<lane> ──delivery limit──► claims.dead (fanout)
///     ▲                                                                      │         │
///     └──ttl over── claims.retry.<n> ◄── claims.retry.<n> (fanout)           ▼         ▼
///                                                                     claims.dead  claims.obituaries
/// ```
package struct Topology: Hashable, Sendable {
    /// How many lanes the coupons are spread over.
    package let lanes: Int
    /// How many delay queues there are: one a retry. The API needs none of them.
    package let retries: Int

    package init(lanes: Int, retries: Int = 0) {
        self.lanes = lanes
        self.retries = retries
    }

    /// Takes accepted claims; the routing key is the lane's number.
    package static let workExchange = "claims"
    /// Takes what the broker itself gives up on, and feeds both dead-letter queue and obituaries.
    package static let deadExchange = "claims.dead"
    /// Where lies what failed after its retries.
    package static let deadQueue = "claims.dead"
    /// A copy of each message that the broker itself dead-lettered, for a worker to record the claim's status by.
    package static let obituaryQueue = "claims.obituaries"

    /// A queue that whoever looks into the dead-letter queue holds meanwhile: what one has in hand another can't see.
    package static let deadLock = "claims.dead.lock"

    package static func workQueue(lane: Int) -> String { "claims.work.\(lane)" }
    /// The queue, and the exchange in front of it, which keeps the routing key for the way back.
    package static func retry(_ retry: Int) -> String { "claims.retry.\(retry)" }
    package static func routingKey(lane: Int) -> String { String(lane) }

    /// How often a message may come back from a worker that died over it, before the broker dead-letters it.
    ///
    /// RabbitMQ 4 has 20 as its own default. Deliveries that a healthy worker acknowledges never count.
    package static let deliveryLimit = 20

    /// Declares all of it.
    package func declare(on connection: AMQPConnection, channel: UInt16) throws(BrokerError) {
        try connection.declareExchange(Self.workExchange, type: "direct", channel: channel)
        try connection.declareExchange(Self.deadExchange, type: "fanout", channel: channel)

        for queue in [Self.deadQueue, Self.obituaryQueue] {
            // Looking into the dead-letter queue returns its messages, and RabbitMQ 4 drops what came back 20 times.
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
            // The delay is each message's own time to live, so that changing the setting needs no new queue.
            try connection.declareExchange(name, type: "fanout", channel: channel)
            try connection.declareQueue(
                name, arguments: Self.deadLettering(to: Self.workExchange), channel: channel)
            try connection.bindQueue(name, to: name, routingKey: "", channel: channel)
        }
    }

    /// At-least-once dead-lettering, which wants reject-publish as the overflow behaviour.
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
