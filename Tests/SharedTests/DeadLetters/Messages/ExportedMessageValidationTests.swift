import Broker
import OrderedCollections
import Testing

@testable import DeadLetters

/// Lines that differ from what was exported.
@Suite struct ExportedMessageValidationTests {
    /// The error in a line; nil if it is valid.
    private func validationError(_ line: String) -> String? {
        do throws(ExportedMessage.ValidationError) {
            _ = try ExportedMessage(line: line)
            return nil
        } catch {
            return error.description
        }
    }

    /// A claim's exported line with one part replaced.
    private func line(_ part: String = "", with other: String = "") throws -> String {
        let line = try ExportedMessage(.made()).line
        guard !part.isEmpty else { return line }
        try #require(line.contains(part))
        return line.replacing(part, with: other)
    }

    private let mismatch = "the message is not what was exported: its fingerprint does not match"

    @Test func anUnchangedLineIsValid() throws {
        #expect(validationError(try line()) == nil)
    }

    @Test(arguments: [
        ("SALE", "SALT"), ("lock_held", "lock_free"), (#""type":"claim""#, #""type":"cancel""#),
        (#"{"int32":4}"#, #"{"int32":5}"#), (#"{"int32":4}"#, #"{"int64":4}"#),
        (#""delivery_mode":2"#, #""priority":2"#),
        (#""attempts":{"int32":4},"#, ""), (#""headers":{"#, #""headers":{"a":{"void":null},"#),
        (#""fingerprint":"#, #""fingerprint":"0","was":"#),
    ])
    func aChangedMessageIsRefused(_ part: String, _ other: String) throws {
        #expect(validationError(try line(part, with: other)) == mismatch)
    }

    @Test func aTruncatedLineIsRefused() throws {
        let whole = try line()
        for count in stride(from: 0, to: whole.count, by: 7) + [whole.count - 1] {
            #expect(validationError(String(whole.prefix(count))) != nil, "\(count) characters")
        }
    }

    @Test func fieldsForReadersAreNotReadBack() throws {
        let changed = try line(#""user_id":"u1""#, with: #""user_id":"u2""#)
        #expect(try ExportedMessage(line: changed).letter.userID == "u1")
    }

    @Test func unknownFieldsAreIgnored() throws {
        #expect(validationError(try line(#""message":{"body":"#, with: #""color":"red","message":{"body":"#)) == nil)
    }

    @Test func twoBodiesAreRefused() throws {
        let two = try line(#""message":{"body":"#, with: #""message":{"body_base64":"","body":"#)
        #expect(validationError(two) == "message needs either body or body_base64")
    }

    @Test func aMissingBodyIsRefused() throws {
        let none = try line(#""body":"#, with: #""text":"#)
        #expect(validationError(none) == "message needs either body or body_base64")
    }

    @Test func invalidBase64IsRefused() throws {
        let letter = DeadLetter(BrokerMessage(properties: MessageProperties(), body: [0xFF]))
        let line = try ExportedMessage(letter).line
        #expect(validationError(line) == nil)
        #expect(validationError(line.replacing("/w==", with: "!!")) == "body_base64 is not base64")
        #expect(validationError(line.replacing("/w==", with: "/g==")) == mismatch)
    }

    @Test func aMissingFieldIsNamed() throws {
        #expect(validationError(try line(#""message":{"body":"#, with: #""massage":{"body":"#)) == "message is missing")
        #expect(validationError(try line(#""headers":"#, with: #""footers":"#)) == "message.headers is missing")
        #expect(validationError(try line(#""properties":"#, with: #""property":"#)) == "message.properties is missing")
        #expect(validationError(try line(#""fingerprint":"#, with: #""footprint":"#)) == "fingerprint is missing")
    }

    @Test func aHeaderWithoutItsTypeIsNamed() throws {
        let untyped = try line(#""attempts":{"int32":4},"#, with: #""attempts":{"number":4},"#)
        #expect(validationError(untyped) == "message.headers.attempts must be one value with its AMQP type")
    }

    @Test(arguments: ["", " ", "not json", "{"]) func aLineThatIsNotJSONIsReportedAsSuch(_ line: String) {
        #expect(validationError(line) == "the line is not valid JSON")
    }

    @Test(arguments: ["null", "[]", "1", "\"line\""]) func aLineThatIsNotAnObjectIsReportedAsSuch(_ line: String) {
        #expect(validationError(line) == "the line must be a JSON object")
    }

    @Test func twoMessagesInOneLineAreRefused() throws {
        #expect(validationError(try line() + line()) != nil)
    }
}
