internal import OrderedCollections

/// What goes with a message's body: the basic properties of AMQP 0-9-1 (section 4.2.6.1 of the specification).
package struct MessageProperties: Hashable, Sendable {
    package var contentType: String?
    package var contentEncoding: String?
    package var headers: AMQPTable = [:]
    /// 2 is persistent.
    package var deliveryMode: UInt8?
    package var priority: UInt8?
    package var correlationID: String?
    package var replyTo: String?
    /// Time to live in milliseconds, as a number in text.
    package var expiration: String?
    package var messageID: String?
    /// Seconds since 1970.
    package var timestamp: UInt64?
    package var type: String?
    package var userID: String?
    package var appID: String?

    package init() {}
}

/// A message as it is published and as it arrives.
package struct BrokerMessage: Hashable, Sendable {
    package var properties: MessageProperties
    package var body: [UInt8]

    package init(properties: MessageProperties, body: [UInt8]) {
        self.properties = properties
        self.body = body
    }
}

/// A message that the broker handed to a consumer and wants acknowledged.
package struct Delivery: Hashable, Sendable {
    /// Counts the deliveries of one channel from 1.
    package var tag: UInt64
    /// Whether the broker handed it out before.
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

/// Something that the broker told a connection without being asked.
package enum BrokerEvent: Hashable, Sendable {
    case delivered(Delivery, channel: UInt16)
    /// basic.ack of a published message, and of all before it if `multiple`.
    case confirmed(tag: UInt64, multiple: Bool)
    /// basic.nack of a published message, and of all before it if `multiple`.
    case refused(tag: UInt64, multiple: Bool)
    /// basic.return: no queue took the message. Its confirm follows all the same.
    case returned(messageID: String?, reason: String)
    /// The broker reads nothing more from this connection: a memory or disk alarm.
    case blocked(reason: String)
    case unblocked
    /// The consumer's queue was deleted or lost its leader.
    case consumerCancelled
}

/// Why the broker could not be used. A new connection may help for all of them.
package struct BrokerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is.
    package enum Kind: Hashable, Sendable {
        /// No connection, or it was lost.
        case unreachable
        /// The broker closed the channel or connection with an AMQP code.
        case refused(code: UInt16)
        /// No answer in time.
        case timeout
    }

    package let kind: Kind
    /// What was being done and what came back. Holds no password.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
