internal import CRabbitMQ
internal import OrderedCollections

extension AMQPConnection {
    /// Declares a durable exchange.
    ///
    /// - Parameter type: the exchange type, for example `direct`.
    /// - Throws: ``BrokerError``, also if the exchange exists with other properties.
    package func declareExchange(_ name: String, type: String, channel: UInt16) throws(BrokerError) {
        defer { pool.recycle() }
        _ = amqp_exchange_declare(
            state, channel, pool.bytes(name), pool.bytes(type), 0, 1, 0, 0, amqp_table_t())
        try checkResponse("declaring exchange \(name)")
    }

    /// Declares a durable queue.
    ///
    /// - Throws: ``BrokerError``, also if the queue exists with other properties.
    package func declareQueue(_ name: String, arguments: AMQPTable, channel: UInt16) throws(BrokerError) {
        defer { pool.recycle() }
        _ = amqp_queue_declare(state, channel, pool.bytes(name), 0, 1, 0, 0, pool.table(arguments))
        try checkResponse("declaring queue \(name)")
    }

    /// Declares a queue that is exclusive to this connection and deleted with it. It serves as a lock that is always
    /// released when its holder dies.
    ///
    /// - Returns: false if another connection has the queue; the broker has closed the channel then.
    package func declareExclusiveQueue(_ name: String, channel: UInt16) throws(BrokerError) -> Bool {
        defer { pool.recycle() }
        _ = amqp_queue_declare(state, channel, pool.bytes(name), 0, 0, 1, 1, amqp_table_t())
        do throws(BrokerError) {
            try checkResponse("declaring queue \(name)")
            return true
        } catch  where error.kind == .refused(code: UInt16(AMQP_RESOURCE_LOCKED)) {
            // The library leaves it to the caller to send channel.close-ok; the channel can be opened again only then.
            var closeOK = amqp_channel_close_ok_t()
            try Self.check(
                amqp_send_method(state, channel, amqp_method_number_t(AMQP_CHANNEL_CLOSE_OK_METHOD), &closeOK),
                "closing a channel")
            return false
        }
    }

    /// Binds a queue to an exchange.
    package func bindQueue(
        _ queue: String, to exchange: String, routingKey: String, channel: UInt16
    ) throws(BrokerError) {
        defer { pool.recycle() }
        _ = amqp_queue_bind(
            state, channel, pool.bytes(queue), pool.bytes(exchange), pool.bytes(routingKey), amqp_table_t())
        try checkResponse("binding queue \(queue) to exchange \(exchange)")
    }

    /// Returns the number of ready messages and consumers of a queue; nil if the queue does not exist.
    ///
    /// The broker closes the channel if the queue does not exist.
    package func depth(
        of queue: String, channel: UInt16
    ) throws(BrokerError) -> (messages: Int, consumers: Int)? {
        defer { pool.recycle() }
        guard let answer = amqp_queue_declare(state, channel, pool.bytes(queue), 1, 0, 0, 0, amqp_table_t()) else {
            do throws(BrokerError) {
                try checkResponse("inspecting queue \(queue)")
            } catch  where error.kind == .refused(code: UInt16(AMQP_NOT_FOUND)) {
                return nil
            }
            return nil
        }
        return (Int(answer.pointee.message_count), Int(answer.pointee.consumer_count))
    }
}
