/// A message and where it is published to.
package struct OutgoingMessage: Hashable, Sendable {
    package var message: BrokerMessage
    /// The empty name is the default exchange, which routes to the queue that the routing key names.
    package var exchange: String
    package var routingKey: String

    package init(_ message: BrokerMessage, exchange: String, routingKey: String) {
        self.message = message
        self.exchange = exchange
        self.routingKey = routingKey
    }
}
