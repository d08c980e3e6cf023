import Claims
import DeadLetters
import Foundation
import RuntimeSupport

/// A dead letter in one line, for lists.
struct DeadLetterLine: Encodable {
    private let letter: DeadLetter
    private let now: Timestamp

    init(_ letter: DeadLetter, now: Timestamp) {
        self.letter = letter
        self.now = now
    }

    enum CodingKeys: String, CodingKey {
        case id, fingerprint, reason, attempts, error
        case couponName = "coupon_name"
        case userID = "user_id"
        case diedAt = "died_at"
        case age = "age_seconds"
    }

    func encode(to encoder: any Encoder) throws {
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

    /// The same as a table.
    static func table(_ letters: [DeadLetter], now: Timestamp) -> Table {
        Table(
            [
                .init("ID"), .init("AGE"), .init("REASON", canShrink: true), .init("ATTEMPTS"),
                .init("COUPON", canShrink: true), .init("USER", canShrink: true), .init("ERROR", canShrink: true),
            ],
            letters.map { letter in
                [
                    letter.id, letter.age(at: now).map(TimeSpan.text) ?? "-", letter.reason ?? "-",
                    String(letter.attempts), letter.couponName ?? "-", letter.userID ?? "-", letter.error ?? "-",
                ]
            })
    }
}

/// A dead letter with all that is known of it.
struct DeadLetterDocument: Encodable {
    let letter: DeadLetter
    let now: Timestamp
    /// How the claim stands; nil if it has no row or could not be looked up.
    let claim: Claim?
    let diagnosis: Diagnosis

    private enum CodingKeys: String, CodingKey {
        case body, headers, errors, claim, diagnosis, properties, size
    }

    private struct Advice: Encodable {
        let replay: Diagnosis.Verdict
        let text: String
    }

    func encode(to encoder: any Encoder) throws {
        try DeadLetterLine(letter, now: now).encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(JSONValue(body: letter.message.body), forKey: .body)
        try container.encode(letter.message.body.count, forKey: .size)
        try container.encode(JSONValue(.table(letter.message.properties.headers)), forKey: .headers)
        try container.encode(properties, forKey: .properties)
        try container.encode(letter.failures, forKey: .errors)
        try container.encode(claim, forKey: .claim)
        try container.encode(Advice(replay: diagnosis.replay, text: diagnosis.text), forKey: .diagnosis)
    }

    /// The basic properties that the message has, by their names in AMQP.
    var properties: [String: String] {
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

extension JSONValue {
    /// Several lines for a person to read.
    var pretty: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "-" }
        return String(decoding: data, as: UTF8.self)
    }
}
