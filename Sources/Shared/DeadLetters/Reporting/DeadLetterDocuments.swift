internal import Broker
internal import Claims
internal import OrderedCollections
package import RuntimeSupport

/// The main fields of a dead letter, as JSON for lists.
package struct DeadLetterLine: Encodable, Sendable {
    private let letter: DeadLetter
    private let now: Timestamp

    package init(_ letter: DeadLetter, now: Timestamp) {
        self.letter = letter
        self.now = now
    }

    private enum CodingKeys: String, CodingKey {
        case id, fingerprint, reason, attempts, error
        case couponName = "coupon_name"
        case userID = "user_id"
        case diedAt = "died_at"
        case age = "age_seconds"
    }

    /// Encodes unknown values as null, so that every field is present.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(letter.id, forKey: .id)
        try container.encode(letter.message.fingerprint, forKey: .fingerprint)
        try container.encode(letter.couponName, forKey: .couponName)
        try container.encode(letter.userID, forKey: .userID)
        try container.encode(letter.reason, forKey: .reason)
        try container.encode(letter.attempts, forKey: .attempts)
        try container.encode(letter.error, forKey: .error)
        try container.encode(letter.diedAt, forKey: .diedAt)
        try container.encode(letter.age(at: now), forKey: .age)
    }
}

/// All that is known of a dead letter, as JSON.
package struct DeadLetterDocument: Encodable, Sendable {
    package let letter: DeadLetter
    package let now: Timestamp
    /// What the stores know of the message's claim and coupon.
    package let circumstances: Diagnosis.Circumstances
    package let diagnosis: Diagnosis

    /// Asks the stores about a dead letter's claim and coupon.
    package init(_ letter: DeadLetter, _ session: OperatorSession) {
        self.init(letter, now: .now(), .lookUp(letter, session))
    }

    init(_ letter: DeadLetter, now: Timestamp, _ circumstances: Diagnosis.Circumstances) {
        self.letter = letter
        self.now = now
        self.circumstances = circumstances
        diagnosis = Diagnosis(letter, circumstances)
    }

    private enum CodingKeys: String, CodingKey {
        case body, headers, errors, claim, diagnosis, properties, size
    }

    private struct Advice: Encodable {
        let replay: Diagnosis.Verdict
        let text: String
    }

    package func encode(to encoder: any Encoder) throws {
        try DeadLetterLine(letter, now: now).encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(JSONValue(body: letter.message.body), forKey: .body)
        try container.encode(letter.message.body.count, forKey: .size)
        try container.encode(JSONValue(.table(letter.message.properties.headers)), forKey: .headers)
        try container.encode(properties, forKey: .properties)
        try container.encode(letter.failures, forKey: .errors)
        let claim: Claim? = circumstances.claim ?? nil
        try container.encode(claim, forKey: .claim)
        try container.encode(Advice(replay: diagnosis.replay, text: diagnosis.text), forKey: .diagnosis)
    }

    /// The basic properties that the message has, by their names in AMQP.
    package var properties: [String: String] {
        let source = letter.message.properties
        let all: [(String, String?)] = [
            ("content_type", source.contentType), ("content_encoding", source.contentEncoding),
            ("delivery_mode", source.deliveryMode.map { String($0) }), ("priority", source.priority.map { String($0) }),
            ("correlation_id", source.correlationID), ("reply_to", source.replyTo), ("expiration", source.expiration),
            ("message_id", source.messageID), ("timestamp", source.timestamp.map { String($0) }),
            ("type", source.type), ("user_id", source.userID), ("app_id", source.appID),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, value in value.map { (name, $0) } })
    }
}
