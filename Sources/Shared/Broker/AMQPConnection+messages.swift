internal import CRabbitMQ
internal import Foundation

extension AMQPConnection {
    // MARK: Consuming

    /// Starts a consumer on a queue; its deliveries are events.
    ///
    /// - Parameter prefetch: the maximum number of unacknowledged deliveries.
    package func consume(_ queue: String, prefetch: UInt16, channel: UInt16) throws(BrokerError) {
        defer { pool.recycle() }
        _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
        try checkResponse("setting the prefetch")
        _ = amqp_basic_consume(
            state, channel, pool.bytes(queue), amqp_bytes_t(), 0, 0, 0, amqp_table_t())
        try checkResponse("consuming from \(queue)")
    }

    /// Acknowledges a delivery, and all earlier ones of the channel if `multiple`.
    package func acknowledge(_ tag: UInt64, multiple: Bool, channel: UInt16) throws(BrokerError) {
        try Self.check(amqp_basic_ack(state, channel, tag, multiple ? 1 : 0), "acknowledging")
    }

    // MARK: Publishing

    /// Publishes a message as `mandatory`: an unroutable one causes ``BrokerEvent/returned(_:reason:)``.
    ///
    /// Returns when the message is in the socket's buffer; its confirm is an event.
    package func publish(
        _ message: BrokerMessage, exchange: String, routingKey: String, channel: UInt16
    ) throws(BrokerError) {
        defer { pool.recycle() }
        var properties = pool.properties(message.properties)
        try Self.check(
            amqp_basic_publish(
                state, channel, pool.bytes(exchange), pool.bytes(routingKey), 1, 0, &properties,
                pool.bytes(message.body)), "publishing")
    }

    /// Runs `body` and sends what it writes in few packets.
    ///
    /// The library writes each frame with its own system call, and the broker wakes up for every packet.
    func coalescingWrites(_ body: () throws(BrokerError) -> Void) throws(BrokerError) {
        setCork(1)
        defer { setCork(0) }
        try body()
    }

    private func setCork(_ value: Int32) {
        var value = value
        // The option only affects speed, so a failure is ignored.
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
