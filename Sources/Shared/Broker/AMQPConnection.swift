internal import CRabbitMQ
internal import Foundation
internal import OrderedCollections
package import RuntimeSupport

/// One AMQP 0-9-1 connection, through librabbitmq. It belongs to the thread that made it and is not `Sendable`.
///
/// Every call has an end: connecting, logging in and questions to the broker take 5 s at most, waiting takes what the
/// caller gives it, and a peer that falls silent is noticed by missed heartbeats.
package final class AMQPConnection {
    private let state: amqp_connection_state_t
    private let memory = CallMemory()
    private let heartbeat: Duration
    /// How long the broker may take to answer a question.
    private static let answerTime = timeval(tv_sec: 5, tv_usec: 0)
    private static let maximumFrameSize: Int32 = 131_072

    /// Connects and logs in.
    ///
    /// - Parameters:
    ///   - heartbeat: seconds; a peer that was silent for about twice as long counts as gone.
    ///   - name: shown by `rabbitmqctl list_connections`.
    ///   - certificates: a PEM file with the certificate authorities for `amqps`.
    /// - Throws: ``BrokerError``.
    package init(
        _ address: BrokerAddress, heartbeat: Int, name: String,
        certificates: String = "/etc/ssl/certs/ca-certificates.crt"
    ) throws(BrokerError) {
        guard let state = amqp_new_connection() else { throw BrokerError(.unreachable, "no memory for a connection") }
        self.state = state
        self.heartbeat = .seconds(heartbeat)
        var time = Self.answerTime
        amqp_set_handshake_timeout(state, &time)
        amqp_set_rpc_timeout(state, &time)

        let socket = address.isTLS ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state)
        guard let socket else { throw BrokerError(.unreachable, "no memory for a socket") }
        if address.isTLS {
            try Self.check(amqp_ssl_socket_set_cacert(socket, certificates), "reading \(certificates)")
        }
        try Self.check(
            amqp_socket_open_noblock(socket, address.host, Int32(address.port), &time), "connecting to \(address)")
        let properties = memory.table([
            "product": .string("claims"),
            "connection_name": .string(name),
            // Without these the broker keeps silent about blocks, cancels and refused logins.
            "capabilities": .table([
                "connection.blocked": .boolean(true),
                "consumer_cancel_notify": .boolean(true),
                "authentication_failure_close": .boolean(true),
                "publisher_confirms": .boolean(true),
                "basic.nack": .boolean(true),
            ]),
        ])
        try withUnsafePointer(to: properties) { properties throws(BrokerError) in
            try check(
                claims_amqp_login_plain(
                    state, address.virtualHost, Self.maximumFrameSize, Int32(heartbeat), properties, address.user,
                    address.password), "logging in at \(address)")
        }
        memory.recycle()
    }

    /// Connects to the first of several addresses that answers.
    package convenience init(
        anyOf addresses: [BrokerAddress], heartbeat: Int, name: String
    ) throws(BrokerError) {
        for address in addresses.dropLast() {
            do throws(BrokerError) {
                try self.init(address, heartbeat: heartbeat, name: name)
                return
            } catch {
                continue
            }
        }
        try self.init(addresses[addresses.count - 1], heartbeat: heartbeat, name: name)
    }

    deinit {
        // Closes the socket and tells the broker nothing: it takes back what was not acknowledged.
        amqp_destroy_connection(state)
    }

    /// Says goodbye, so that the broker's log shows no lost connection. The connection can't be used afterwards.
    package func close() {
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    /// The socket, to watch for something to read.
    package var socket: Int32 { amqp_get_sockfd(state) }

    // MARK: Channels

    package func openChannel(_ channel: UInt16) throws(BrokerError) {
        _ = amqp_channel_open(state, channel)
        try checkAnswer("opening a channel")
    }

    /// Closes a channel; what was delivered on it and not acknowledged goes back to the queue.
    package func closeChannel(_ channel: UInt16) throws(BrokerError) {
        try check(amqp_channel_close(state, channel, AMQP_REPLY_SUCCESS), "closing a channel")
    }

    /// Asks for publisher confirms on this channel.
    ///
    /// <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
    package func selectConfirms(channel: UInt16) throws(BrokerError) {
        _ = amqp_confirm_select(state, channel)
        try checkAnswer("asking for publisher confirms")
    }

    // MARK: Topology

    package func declareExchange(_ name: String, type: String, channel: UInt16) throws(BrokerError) {
        defer { memory.recycle() }
        _ = amqp_exchange_declare(
            state, channel, memory.bytes(name), memory.bytes(type), 0, 1, 0, 0, amqp_table_t())
        try checkAnswer("declaring exchange \(name)")
    }

    package func declareQueue(_ name: String, arguments: AMQPTable, channel: UInt16) throws(BrokerError) {
        defer { memory.recycle() }
        _ = amqp_queue_declare(state, channel, memory.bytes(name), 0, 1, 0, 0, memory.table(arguments))
        try checkAnswer("declaring queue \(name)")
    }

    /// Declares a queue that belongs to this connection alone and is gone with it: a lock that nobody can leave behind.
    ///
    /// - Returns: false if another connection has it; that costs the channel.
    package func declareExclusiveQueue(_ name: String, channel: UInt16) throws(BrokerError) -> Bool {
        defer { memory.recycle() }
        _ = amqp_queue_declare(state, channel, memory.bytes(name), 0, 0, 1, 1, amqp_table_t())
        do throws(BrokerError) {
            try checkAnswer("declaring queue \(name)")
            return true
        } catch  where error.kind == .refused(code: UInt16(AMQP_RESOURCE_LOCKED)) {
            // The library leaves it to us to agree that the channel is closed; only then can it be opened again.
            var agreed = amqp_channel_close_ok_t()
            try Self.check(
                amqp_send_method(state, channel, amqp_method_number_t(AMQP_CHANNEL_CLOSE_OK_METHOD), &agreed),
                "closing a channel")
            return false
        }
    }

    package func bindQueue(
        _ queue: String, to exchange: String, routingKey: String, channel: UInt16
    ) throws(BrokerError) {
        defer { memory.recycle() }
        _ = amqp_queue_bind(
            state, channel, memory.bytes(queue), memory.bytes(exchange), memory.bytes(routingKey), amqp_table_t())
        try checkAnswer("binding queue \(queue) to exchange \(exchange)")
    }

    /// How many messages wait in a queue, and how many consumers it has; nil if there is no such queue.
    ///
    /// A queue that does not exist costs the channel: the broker closes it.
    package func depth(
        of queue: String, channel: UInt16
    ) throws(BrokerError) -> (messages: Int, consumers: Int)? {
        defer { memory.recycle() }
        guard let answer = amqp_queue_declare(state, channel, memory.bytes(queue), 1, 0, 0, 0, amqp_table_t()) else {
            do throws(BrokerError) {
                try checkAnswer("looking at queue \(queue)")
            } catch  where error.kind == .refused(code: UInt16(AMQP_NOT_FOUND)) {
                return nil
            }
            return nil
        }
        return (Int(answer.pointee.message_count), Int(answer.pointee.consumer_count))
    }

    // MARK: Consuming

    /// Subscribes to a queue; deliveries then come as events.
    ///
    /// - Parameter prefetch: the most that may be delivered and not yet acknowledged.
    package func consume(_ queue: String, prefetch: UInt16, channel: UInt16) throws(BrokerError) {
        defer { memory.recycle() }
        _ = amqp_basic_qos(state, channel, 0, prefetch, 0)
        try checkAnswer("setting the prefetch")
        _ = amqp_basic_consume(
            state, channel, memory.bytes(queue), amqp_bytes_t(), 0, 0, 0, amqp_table_t())
        try checkAnswer("consuming from \(queue)")
    }

    /// Acknowledges a delivery, and all before it on this channel if `multiple`.
    package func acknowledge(_ tag: UInt64, multiple: Bool, channel: UInt16) throws(BrokerError) {
        try Self.check(amqp_basic_ack(state, channel, tag, multiple ? 1 : 0), "acknowledging")
    }

    // MARK: Publishing

    /// Publishes persistently and `mandatory`: an unroutable message comes back as ``BrokerEvent/returned(messageID:reason:)``.
    ///
    /// Returns when the message is in the socket's buffer; the broker's confirm comes as an event.
    package func publish(
        _ message: BrokerMessage, exchange: String, routingKey: String, channel: UInt16
    ) throws(BrokerError) {
        defer { memory.recycle() }
        var properties = memory.properties(message.properties)
        try Self.check(
            amqp_basic_publish(
                state, channel, memory.bytes(exchange), memory.bytes(routingKey), 1, 0, &properties,
                memory.bytes(message.body)), "publishing")
    }

    /// Does something that sends much, and lets it go out in few packets instead of several a message.
    ///
    /// The library writes each frame by a call of its own, and the broker wakes up for what each brings.
    package func gathered(_ body: () throws(BrokerError) -> Void) throws(BrokerError) {
        setCork(1)
        defer { setCork(0) }
        try body()
    }

    private func setCork(_ value: Int32) {
        var value = value
        // It is a matter of speed alone, so it may fail.
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    // MARK: Events

    /// Waits until the broker has sent something, the signal is raised, or the time is up.
    ///
    /// Heartbeats are sent and checked by ``nextEvent(atMost:)`` only, so the wait is cut where one may be due.
    /// - Parameter others: sockets of other connections to watch as well.
    package func wait(orSignal signal: WakeSignal, orSockets others: [Int32] = [], atMost time: Duration) {
        guard amqp_frames_enqueued(state) == 0, amqp_data_in_buffer(state) == 0 else { return }
        signal.wait(orSockets: [socket] + others, atMost: min(time, heartbeat / 4))
    }

    /// The next thing that the broker has to say.
    ///
    /// - Parameter time: how long to wait for it; zero looks at what is there already.
    /// - Returns: nil if there was nothing in time.
    /// - Throws: ``BrokerError`` when the broker closed the channel or the connection, or it was lost.
    package func nextEvent(atMost time: Duration = .zero) throws(BrokerError) -> BrokerEvent? {
        amqp_maybe_release_buffers(state)
        var frame = amqp_frame_t()
        var limit = timeval(
            tv_sec: Int(time.components.seconds), tv_usec: Int(time.components.attoseconds / 1_000_000_000_000))
        while true {
            let status = amqp_simple_wait_frame_noblock(state, &frame, &limit)
            if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
            try Self.check(status, "reading from the broker")
            // Frames that no event is made of (the end of a call that timed out, say) are passed over.
            if Int32(frame.frame_type) == AMQP_FRAME_METHOD, let event = try event(of: frame) { return event }
        }
    }

    private func event(of frame: amqp_frame_t) throws(BrokerError) -> BrokerEvent? {
        let method = frame.payload.method
        func decoded<Method>(_: Method.Type) -> Method { method.decoded.load(as: Method.self) }
        switch method.id {
        case AMQP_BASIC_DELIVER_METHOD:
            let head = decoded(amqp_basic_deliver_t.self)
            // The strings live in a buffer that reading on may recycle, so they are copied first.
            var delivery = Delivery(
                tag: head.delivery_tag, redelivered: head.redelivered != 0, exchange: head.exchange.text,
                routingKey: head.routing_key.text, message: BrokerMessage(properties: MessageProperties(), body: []))
            delivery.message = try readMessage(channel: frame.channel)
            return .delivered(delivery, channel: frame.channel)
        case AMQP_BASIC_ACK_METHOD:
            let ack = decoded(amqp_basic_ack_t.self)
            return .confirmed(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        case AMQP_BASIC_NACK_METHOD:
            let nack = decoded(amqp_basic_nack_t.self)
            return .refused(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case AMQP_BASIC_RETURN_METHOD:
            let reason = decoded(amqp_basic_return_t.self).reply_text.text
            return .returned(messageID: try readMessage(channel: frame.channel).properties.messageID, reason: reason)
        case AMQP_CONNECTION_BLOCKED_METHOD:
            return .blocked(reason: decoded(amqp_connection_blocked_t.self).reason.text)
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            return .unblocked
        case AMQP_BASIC_CANCEL_METHOD:
            return .consumerCancelled
        case AMQP_CHANNEL_CLOSE_METHOD:
            let close = decoded(amqp_channel_close_t.self)
            throw BrokerError(
                .refused(code: close.reply_code), "the broker closed the channel: \(close.reply_text.text)")
        case AMQP_CONNECTION_CLOSE_METHOD:
            let close = decoded(amqp_connection_close_t.self)
            throw BrokerError(
                .refused(code: close.reply_code), "the broker closed the connection: \(close.reply_text.text)")
        default:
            return nil
        }
    }

    private func readMessage(channel: UInt16) throws(BrokerError) -> BrokerMessage {
        var message = amqp_message_t()
        try check(amqp_read_message(state, channel, &message, 0), "reading a message")
        defer { amqp_destroy_message(&message) }
        return BrokerMessage(properties: MessageProperties(message.properties), body: message.body.array)
    }

    // MARK: Errors

    private func checkAnswer(_ doing: String) throws(BrokerError) {
        try check(amqp_get_rpc_reply(state), doing)
    }

    private func check(_ reply: amqp_rpc_reply_t, _ doing: String) throws(BrokerError) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            return
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD:
            let close = reply.reply.decoded.load(as: amqp_channel_close_t.self)
            throw BrokerError(.refused(code: close.reply_code), "\(doing): \(close.reply_text.text)")
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD:
            let close = reply.reply.decoded.load(as: amqp_connection_close_t.self)
            throw BrokerError(.refused(code: close.reply_code), "\(doing): \(close.reply_text.text)")
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            try Self.check(reply.library_error, doing)
        default:
            throw BrokerError(.unreachable, "\(doing): the connection was closed")
        }
    }

    private static func check(_ status: Int32, _ doing: String) throws(BrokerError) {
        guard status < 0 else { return }
        let kind: BrokerError.Kind = status == AMQP_STATUS_TIMEOUT.rawValue ? .timeout : .unreachable
        throw BrokerError(kind, "\(doing): \(String(cString: amqp_error_string2(status)))")
    }
}
