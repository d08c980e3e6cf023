import Broker
import Claims
import Foundation
import OrderedCollections
import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct ExportedMessageTests {
    private func roundTrip(_ message: BrokerMessage) throws -> BrokerMessage {
        try ExportedMessage(line: ExportedMessage(DeadLetter(message)).line).letter.message
    }

    private func fields(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test func aClaimIsReadBackUnchanged() throws {
        let message = BrokerMessage.made()
        let read = try roundTrip(message)
        #expect(read.fingerprint == message.fingerprint)
        #expect(read.body == message.body)
        #expect(DeadLetter(read).claim == ClaimMessage.made(1))
        #expect(DeadLetter(read).failures == DeadLetter(message).failures)
    }

    @Test func everyPropertyIsReadBackUnchanged() throws {
        var properties = MessageProperties()
        properties.contentType = "text/plain"
        properties.contentEncoding = "identity"
        properties.headers = ["a": .int32(4)]
        properties.deliveryMode = 1
        properties.priority = 9
        properties.correlationID = "c"
        properties.replyTo = "r"
        properties.expiration = "500"
        properties.messageID = "m"
        properties.timestamp = .max
        properties.type = "t"
        properties.userID = "claims"
        properties.appID = ""
        let message = BrokerMessage(properties: properties, body: [])
        #expect(try roundTrip(message) == message)
    }

    @Test func anEmptyMessageIsReadBackUnchanged() throws {
        let message = BrokerMessage(properties: MessageProperties(), body: [])
        #expect(try roundTrip(message) == message)
    }

    @Test(arguments: [
        "", "{}", "größe 🎉", "\0\u{7f}\u{2028}\u{85}\"\\/", "\u{feff}{}", "a\r\nb\nc", "null", "e\u{301}",
    ])
    func aTextBodyIsExportedAsText(_ text: String) throws {
        let message = DeadLetter.stray(text).message
        let line = try ExportedMessage(DeadLetter(message)).line
        #expect(!line.utf8.contains(UInt8(ascii: "\n")))
        let whole = try #require(try fields(line)["message"] as? [String: Any])
        #expect(whole["body"] is String)
        #expect(whole["body_base64"] == nil)
        #expect(try roundTrip(message).body == Array(text.utf8))
    }

    @Test(arguments: [[0xFF], [0xC3], [0x7B, 0xED, 0xA0, 0x80], [0, 0, 0xFE]] as [[UInt8]])
    func aBinaryBodyIsExportedInBase64(_ body: [UInt8]) throws {
        let message = BrokerMessage(properties: MessageProperties(), body: body)
        let whole = try #require(try fields(ExportedMessage(DeadLetter(message)).line)["message"] as? [String: Any])
        #expect(whole["body_base64"] as? String == Data(body).base64EncodedString())
        #expect(whole["body"] == nil)
        #expect(try roundTrip(message) == message)
    }

    @Test func aBodyOfOneMebibyteIsReadBackUnchanged() throws {
        let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for body in [bytes, bytes.map { $0 & 0x7F }] {
            let message = BrokerMessage(properties: MessageProperties(), body: body)
            #expect(try roundTrip(message).body == body)
        }
    }

    @Test func theLineHasTheMainFieldsForReaders() throws {
        let letter = DeadLetter.made(7)
        let line = try fields(ExportedMessage(letter).line)
        #expect(line["id"] as? String == letter.id)
        #expect(line["fingerprint"] as? String == letter.message.fingerprint)
        #expect(line["coupon_name"] as? String == "SALE")
        #expect(line["user_id"] as? String == "u7")
        #expect(line["reason"] as? String == "lock_held")
        #expect(line["attempts"] as? Int == 4)
        #expect(line["died_at"] as? String == "2026-11-22T17:27:34.123Z")
    }

    @Test func theBrokersDeliveryCountIsNotExported() throws {
        let line = try ExportedMessage(.made(headers: ["x-delivery-count": .int64(3)])).line
        #expect(!line.contains("x-delivery-count"))
        #expect(try ExportedMessage(line: line).letter.message.fingerprint == BrokerMessage.made().fingerprint)
    }

    @Test func anExportOfAnEarlierVersionIsReadBack() throws {
        let letter = DeadLetter.made(headers: ["x-death": .array([.table(["count": .int64(1)])])])
        let message = letter.message
        #expect(message.formerFingerprint != message.fingerprint)
        let line = try ExportedMessage(letter).line.replacing(message.fingerprint, with: message.formerFingerprint)
        #expect(try ExportedMessage(line: line).letter.message.formerFingerprint == message.formerFingerprint)
    }

    @Test(arguments: 0..<100) func anyMessageIsReadBackUnchanged(_ seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<10 {
            let message = BrokerMessage.random(using: &random)
            let read = try roundTrip(message)
            #expect(read.fingerprint == message.fingerprint)
            #expect(read.body == message.body)
        }
    }
}
