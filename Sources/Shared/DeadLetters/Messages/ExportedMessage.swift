internal import Broker
internal import Claims
import Foundation
internal import OrderedCollections

/// A dead letter as one line of JSON that holds the whole message, byte by byte. Exports and the archive use it.
///
/// ```
/// {"id", "fingerprint", "coupon_name", "user_id", "reason", "attempts", "died_at",      for readers; not read back
///  "message": {"properties": {"message_id": "…", …},                                    the basic properties of AMQP
///              "headers": {"reason": {"string": "lock_held"}, …},                       each value with its AMQP type
///              "body": "…"}}                                     or "body_base64" for a body that is not UTF-8
/// ```
package struct ExportedMessage: Sendable {
    package let letter: DeadLetter

    package init(_ letter: DeadLetter) {
        self.letter = letter
    }

    /// The line, without its newline.
    package var line: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Reads a line.
    ///
    /// - Throws: ``ValidationError`` if the line does not hold the message that was exported.
    init(line: some StringProtocol) throws(ValidationError) {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(line.utf8))
        } catch let validationError as ValidationError {
            throw validationError
        } catch let error as DecodingError {
            throw ValidationError(description: error.message.replacing("the body", with: "the line"))
        } catch {
            throw ValidationError(description: "the line is not an exported message")
        }
    }

    /// Why a line can't be imported.
    struct ValidationError: Error, CustomStringConvertible {
        let description: String
    }
}

extension ExportedMessage: Codable {
    private enum CodingKeys: String, CodingKey {
        case id, fingerprint, reason, attempts, message
        case couponName = "coupon_name"
        case userID = "user_id"
        case diedAt = "died_at"
    }

    private struct Whole: Codable {
        let properties: Properties
        let headers: [String: TypedValue]
        let body: String?
        let bodyBase64: String?

        enum CodingKeys: String, CodingKey {
            case properties, headers, body
            case bodyBase64 = "body_base64"
        }
    }

    private struct Properties: Codable {
        var content_type, content_encoding, correlation_id, reply_to, expiration, message_id: String?
        var type, user_id, app_id: String?
        var delivery_mode, priority: UInt8?
        var timestamp: UInt64?

        init(_ source: MessageProperties) {
            content_type = source.contentType
            content_encoding = source.contentEncoding
            correlation_id = source.correlationID
            reply_to = source.replyTo
            expiration = source.expiration
            message_id = source.messageID
            type = source.type
            user_id = source.userID
            app_id = source.appID
            delivery_mode = source.deliveryMode
            priority = source.priority
            timestamp = source.timestamp
        }

        var properties: MessageProperties {
            var target = MessageProperties()
            target.contentType = content_type
            target.contentEncoding = content_encoding
            target.correlationID = correlation_id
            target.replyTo = reply_to
            target.expiration = expiration
            target.messageID = message_id
            target.type = type
            target.userID = user_id
            target.appID = app_id
            target.deliveryMode = delivery_mode
            target.priority = priority
            target.timestamp = timestamp
            return target
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(letter.id, forKey: .id)
        try container.encode(letter.message.fingerprint, forKey: .fingerprint)
        try container.encode(letter.couponName, forKey: .couponName)
        try container.encode(letter.userID, forKey: .userID)
        try container.encode(letter.reason, forKey: .reason)
        try container.encode(letter.attempts, forKey: .attempts)
        try container.encode(letter.diedAt, forKey: .diedAt)
        let body = letter.message.body
        let text = String(validating: body, as: UTF8.self)
        let headers = letter.message.properties.headers.map { ($0, TypedValue($1)) }
        try container.encode(
            Whole(
                properties: Properties(letter.message.properties),
                headers: Dictionary(headers) { $1 }, body: text,
                bodyBase64: text == nil ? Data(body).base64EncodedString() : nil), forKey: .message)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let whole = try container.decode(Whole.self, forKey: .message)
        let body: [UInt8]
        switch (whole.body, whole.bodyBase64) {
        case (let text?, nil): body = Array(text.utf8)
        case (nil, let text?):
            guard let data = Data(base64Encoded: text) else {
                throw ValidationError(description: "body_base64 is not base64")
            }
            body = Array(data)
        default: throw ValidationError(description: "message needs either body or body_base64")
        }
        var properties = whole.properties.properties
        for (name, value) in whole.headers.sorted(by: { $0.key < $1.key }) { properties.headers[name] = value.value }
        let message = BrokerMessage(properties: properties, body: body)
        let fingerprint = try container.decode(String.self, forKey: .fingerprint)
        guard [message.fingerprint, message.formerFingerprint].contains(fingerprint) else {
            throw ValidationError(description: "the message is not what was exported: its fingerprint does not match")
        }
        self.init(DeadLetter(message))
    }
}
