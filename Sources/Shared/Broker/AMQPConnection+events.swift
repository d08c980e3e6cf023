internal import CRabbitMQ
internal import Foundation
internal import OrderedCollections
package import RuntimeSupport

extension AMQPConnection {
    /// Waits until the broker has sent something, the signal is raised or the time is up.
    ///
    /// The library sends and checks heartbeats only in ``nextEvent(atMost:)``, so the wait ends early when one may be due.
    /// - Parameters:
    ///   - others: sockets of other connections to watch.
    ///   - time: the longest wait.
    package func wait(orSignal signal: WakeSignal, orSockets others: [Int32] = [], atMost time: Duration) {
        guard amqp_frames_enqueued(state) == 0, amqp_data_in_buffer(state) == 0 else { return }
        signal.wait(orSockets: [socket] + others, atMost: min(time, heartbeat / 4))
    }

    /// Returns the next event from the broker; nil if there is none in time.
    ///
    /// - Parameter time: the longest wait; zero takes only what has already arrived.
    /// - Throws: ``BrokerError`` if the broker has closed the channel or the connection, or the connection is lost.
    package func nextEvent(atMost time: Duration = .zero) throws(BrokerError) -> BrokerEvent? {
        amqp_maybe_release_buffers(state)
        var frame = amqp_frame_t()
        var limit = timeval(
            tv_sec: Int(time.components.seconds), tv_usec: Int(time.components.attoseconds / 1_000_000_000_000))
        while true {
            let status = amqp_simple_wait_frame_noblock(state, &frame, &limit)
            if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
            try Self.check(status, "reading from the broker")
            // Skips frames that are not events, such as the late response to a request that timed out.
            if Int32(frame.frame_type) == AMQP_FRAME_METHOD, let event = try event(of: frame) { return event }
        }
    }

    private func event(of frame: amqp_frame_t) throws(BrokerError) -> BrokerEvent? {
        let method = frame.payload.method
        func decoded<Method>(_: Method.Type) -> Method { method.decoded.load(as: Method.self) }
        switch method.id {
        case AMQP_BASIC_DELIVER_METHOD:
            let head = decoded(amqp_basic_deliver_t.self)
            // The strings are in a buffer that further reads may recycle, so they are copied first.
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
            let message = try readMessage(channel: frame.channel)
            return .returned(PublishLabel(message.properties), reason: reason)
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
        try Self.check(amqp_read_message(state, channel, &message, 0), "reading a message")
        defer { amqp_destroy_message(&message) }
        return BrokerMessage(properties: MessageProperties(message.properties), body: message.body.array)
    }
}
