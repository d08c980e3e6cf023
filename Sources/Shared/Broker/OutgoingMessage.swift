/// A message and the exchange and routing key that it is published with.
package struct OutgoingMessage: Hashable, Sendable {
    package var message: BrokerMessage
    /// The name of the exchange. The empty name is the default exchange, whose routing key is the name of a queue.
    package var exchange: String
    package var routingKey: String

    package init(_ message: BrokerMessage, exchange: String, routingKey: String) {
        self.message = message
        self.exchange = exchange
        self.routingKey = routingKey
    }
}
