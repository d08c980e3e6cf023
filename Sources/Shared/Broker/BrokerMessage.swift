internal import OrderedCollections

/// The basic properties of a message (AMQP 0-9-1 specification, section 4.2.6.1).
package struct MessageProperties: Hashable, Sendable {
    package var contentType: String?
    package var contentEncoding: String?
    package var headers: AMQPTable = [:]
    /// 2 for a persistent message.
    package var deliveryMode: UInt8?
    package var priority: UInt8?
    package var correlationID: String?
    package var replyTo: String?
    /// The time to live in milliseconds, as decimal text.
    package var expiration: String?
    package var messageID: String?
    /// Seconds since 1970.
    package var timestamp: UInt64?
    package var type: String?
    package var userID: String?
    package var appID: String?

    package init() {}
}

/// The properties and body of a message.
package struct BrokerMessage: Hashable, Sendable {
    package var properties: MessageProperties
    package var body: [UInt8]

    package init(properties: MessageProperties, body: [UInt8]) {
        self.properties = properties
        self.body = body
    }
}
