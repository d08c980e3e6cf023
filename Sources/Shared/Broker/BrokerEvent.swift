/// A message that the broker has delivered to a consumer and that awaits acknowledgement.
package struct Delivery: Hashable, Sendable {
    /// The number of the delivery on its channel, counted from 1.
    package var tag: UInt64
    /// Whether the message may have been delivered before.
    package var redelivered: Bool
    package var exchange: String
    package var routingKey: String
    package var message: BrokerMessage

    package init(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String, message: BrokerMessage) {
        self.tag = tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.message = message
    }
}

/// An asynchronous method that the broker has sent on a connection.
package enum BrokerEvent: Hashable, Sendable {
    /// basic.deliver.
    case delivered(Delivery, channel: UInt16)
    /// basic.ack of a published message, and of all before it if `multiple`.
    case confirmed(tag: UInt64, multiple: Bool)
    /// basic.nack of a published message, and of all before it if `multiple`.
    case refused(tag: UInt64, multiple: Bool)
    /// basic.return: the message was routed to no queue. Its confirm follows nevertheless.
    case returned(PublishLabel, reason: String)
    /// connection.blocked: the broker stops reading from the connection because of a memory or disk alarm.
    case blocked(reason: String)
    /// connection.unblocked.
    case unblocked
    /// basic.cancel: the consumer's queue was deleted or lost its leader.
    case consumerCancelled
}
