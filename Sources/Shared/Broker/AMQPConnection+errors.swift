internal import CRabbitMQ
internal import Foundation

extension AMQPConnection {
    /// Throws the error of the last request, if it failed.
    ///
    /// - Parameter operation: what was attempted; begins the error's description.
    func checkResponse(_ operation: String) throws(BrokerError) {
        try Self.check(amqp_get_rpc_reply(state), operation, timeout: responseTimeout)
    }

    /// Throws the error that a reply reports, if it reports one.
    static func check(
        _ reply: amqp_rpc_reply_t, _ operation: String, timeout: Int = defaultResponseTimeout
    ) throws(BrokerError) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            return
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD:
            let close = reply.reply.decoded.load(as: amqp_channel_close_t.self)
            throw BrokerError(.refused(code: close.reply_code), "\(operation): \(close.reply_text.text)")
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD:
            let close = reply.reply.decoded.load(as: amqp_connection_close_t.self)
            throw BrokerError(.refused(code: close.reply_code), "\(operation): \(close.reply_text.text)")
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            try check(reply.library_error, operation, timeout: timeout)
        default:
            throw BrokerError(.unreachable, "\(operation): connection closed unexpectedly")
        }
    }

    /// Throws the error that corresponds to a library status, if it is one.
    ///
    /// - Parameter timeout: the longest wait that the library was told, in seconds.
    static func check(
        _ status: Int32, _ operation: String, timeout: Int = defaultResponseTimeout
    ) throws(BrokerError) {
        guard status < 0 else { return }
        if status == AMQP_STATUS_TIMEOUT.rawValue {
            throw BrokerError(.timeout, "\(operation): no response within \(timeout) s")
        }
        throw BrokerError(.unreachable, "\(operation): \(String(cString: amqp_error_string2(status)))")
    }
}
