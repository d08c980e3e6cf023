internal import CRabbitMQ
internal import OrderedCollections

extension MessageProperties {
    /// Copies the properties out of librabbitmq's memory.
    init(_ source: amqp_basic_properties_t) {
        func isSet(_ flag: Int32) -> Bool { source._flags & amqp_flags_t(flag) != 0 }
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? { isSet(flag) ? bytes.text : nil }
        contentType = text(AMQP_BASIC_CONTENT_TYPE_FLAG, source.content_type)
        contentEncoding = text(AMQP_BASIC_CONTENT_ENCODING_FLAG, source.content_encoding)
        headers = isSet(AMQP_BASIC_HEADERS_FLAG) ? AMQPTable(source.headers) : [:]
        deliveryMode = isSet(AMQP_BASIC_DELIVERY_MODE_FLAG) ? source.delivery_mode : nil
        priority = isSet(AMQP_BASIC_PRIORITY_FLAG) ? source.priority : nil
        correlationID = text(AMQP_BASIC_CORRELATION_ID_FLAG, source.correlation_id)
        replyTo = text(AMQP_BASIC_REPLY_TO_FLAG, source.reply_to)
        expiration = text(AMQP_BASIC_EXPIRATION_FLAG, source.expiration)
        messageID = text(AMQP_BASIC_MESSAGE_ID_FLAG, source.message_id)
        timestamp = isSet(AMQP_BASIC_TIMESTAMP_FLAG) ? source.timestamp : nil
        type = text(AMQP_BASIC_TYPE_FLAG, source.type)
        userID = text(AMQP_BASIC_USER_ID_FLAG, source.user_id)
        appID = text(AMQP_BASIC_APP_ID_FLAG, source.app_id)
    }
}

extension AMQPMemoryPool {
    /// Returns the properties as a librabbitmq structure, valid until ``recycle()``.
    func properties(_ source: MessageProperties) -> amqp_basic_properties_t {
        var target = amqp_basic_properties_t()
        func set<Value>(
            _ value: Value?, _ flag: Int32, _ field: WritableKeyPath<amqp_basic_properties_t, Value>
        ) {
            guard let value else { return }
            target._flags |= amqp_flags_t(flag)
            target[keyPath: field] = value
        }
        func set(_ text: String?, _ flag: Int32, _ field: WritableKeyPath<amqp_basic_properties_t, amqp_bytes_t>) {
            set(text.map { bytes($0) }, flag, field)
        }
        set(source.contentType, AMQP_BASIC_CONTENT_TYPE_FLAG, \.content_type)
        set(source.contentEncoding, AMQP_BASIC_CONTENT_ENCODING_FLAG, \.content_encoding)
        set(source.headers.isEmpty ? nil : table(source.headers), AMQP_BASIC_HEADERS_FLAG, \.headers)
        set(source.deliveryMode, AMQP_BASIC_DELIVERY_MODE_FLAG, \.delivery_mode)
        set(source.priority, AMQP_BASIC_PRIORITY_FLAG, \.priority)
        set(source.correlationID, AMQP_BASIC_CORRELATION_ID_FLAG, \.correlation_id)
        set(source.replyTo, AMQP_BASIC_REPLY_TO_FLAG, \.reply_to)
        set(source.expiration, AMQP_BASIC_EXPIRATION_FLAG, \.expiration)
        set(source.messageID, AMQP_BASIC_MESSAGE_ID_FLAG, \.message_id)
        set(source.timestamp, AMQP_BASIC_TIMESTAMP_FLAG, \.timestamp)
        set(source.type, AMQP_BASIC_TYPE_FLAG, \.type)
        set(source.userID, AMQP_BASIC_USER_ID_FLAG, \.user_id)
        set(source.appID, AMQP_BASIC_APP_ID_FLAG, \.app_id)
        return target
    }
}
