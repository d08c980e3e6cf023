import Broker
import Claims
import Foundation
import RuntimeSupport
import Testing

@Suite struct ClaimMessageTests {
    private let coder = ClaimMessageCoder.shared
    private let id = String(repeating: "0", count: 40)

    private func message() throws -> ClaimMessage {
        try ClaimMessage(
            id: #require(ClaimID(id)), userID: #require(UserID("größe/1")), couponName: #require(CouponName("SALE")),
            createdAt: Timestamp(milliseconds: 1_795_368_454_123))
    }

    /// Returns why a body is refused; nil if it is valid.
    private func validationError(_ body: String) -> String? {
        do throws(UnreadableMessage) {
            _ = try coder.decode(Array(body.utf8))
            return nil
        } catch {
            return error.detail
        }
    }

    private func body(without: String? = nil, replacing: [String: Any] = [:]) throws -> String {
        var fields: [String: Any] = [
            "version": 1, "id": id, "user_id": "u1", "coupon_name": "SALE", "created_at": "2026-11-22T17:27:34.123Z",
        ]
        if let without { fields[without] = nil }
        fields.merge(replacing) { $1 }
        return String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
    }

    @Test func anEncodedMessageIsDecodedUnchanged() throws {
        #expect(try coder.decode(coder.encode(message())) == message())
    }

    @Test func theBodyIsPlainJSONWithSnakeCaseNames() throws {
        let json = try JSONSerialization.jsonObject(with: Data(coder.encode(message()))) as? NSDictionary
        #expect(
            json == [
                "version": 1, "id": id, "user_id": "größe/1", "coupon_name": "SALE",
                "created_at": "2026-11-22T17:27:34.123Z",
            ])
    }

    @Test func aCancellationIsDistinguishedFromAClaim() throws {
        var cancel = try message()
        cancel.action = .cancel
        #expect(try coder.decode(coder.encode(cancel)) == cancel)
        let json = try JSONSerialization.jsonObject(with: Data(coder.encode(cancel))) as? [String: Any]
        #expect(json?["action"] as? String == "cancel" && json?["version"] as? Int == 1)
        #expect(BrokerMessage.claim(cancel, encodedBy: coder).properties.type == "cancel")
        #expect(BrokerMessage.claim(cancel, encodedBy: coder).properties.messageID == id)
        #expect(try BrokerMessage.claim(message(), encodedBy: coder).properties.type == "claim")
    }

    @Test func anUnsupportedActionIsRefused() throws {
        #expect(validationError(try body(replacing: ["action": "claim"])) == nil)
        #expect(validationError(try body(replacing: ["action": "transfer"])) == "action is not supported")
    }

    @Test func aCompleteBodyIsDecoded() throws {
        #expect(validationError(try body()) == nil)
    }

    @Test func unknownFieldsAreIgnored() throws {
        #expect(validationError(try body(replacing: ["color": "red"])) == nil)
    }

    @Test(arguments: ["version", "id", "user_id", "coupon_name", "created_at"])
    func aMissingFieldIsNamed(_ field: String) throws {
        #expect(validationError(try body(without: field)) == "\(field) is missing")
    }

    @Test(arguments: ["version", "id", "user_id", "coupon_name", "created_at"])
    func aFieldThatIsNullIsNamed(_ field: String) throws {
        #expect(validationError(try body(replacing: [field: NSNull()]))?.hasPrefix("\(field) must be ") == true)
    }

    @Test(arguments: ["version", "id", "user_id", "coupon_name", "created_at"])
    func aFieldOfAnotherTypeIsNamed(_ field: String) throws {
        #expect(validationError(try body(replacing: [field: [1]]))?.hasPrefix("\(field) must be ") == true)
    }

    @Test(arguments: [
        ("id", "x"), ("user_id", ""), ("user_id", "a\nb"), ("coupon_name", "!"), ("created_at", "yesterday"),
    ])
    func anInvalidFieldIsNamed(_ field: String, _ value: String) throws {
        #expect(validationError(try body(replacing: [field: value]))?.hasPrefix("\(field) ") == true)
    }

    @Test(arguments: [0, 2, -1, 1000])
    func anUnsupportedVersionIsRefused(_ version: Int) throws {
        #expect(validationError(try body(replacing: ["version": version])) == "version \(version) is not supported")
    }

    @Test func anUnsupportedVersionIsNamedEvenIfItsFieldsDiffer() {
        #expect(validationError(#"{"version": 2, "claim": {}}"#) == "version 2 is not supported")
    }

    @Test(arguments: ["", "not json", "{", "{\"version\" 1}", "\0", "{}{}", "{'version': 1}", "<claim/>"])
    func aBodyThatIsNotJSONIsRefused(_ body: String) {
        #expect(validationError(body)?.contains("JSON") == true)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: UnreadableMessage.self) { try coder.decode([0xFF, 0xFE, 0x00, 0x7B]) }
    }

    @Test(arguments: ["null", "[]", "[{}]", "\"claim\"", "1", "true"])
    func aBodyThatIsNotAnObjectIsRefused(_ body: String) {
        #expect(validationError(body) == "the body must be a JSON object")
    }

    @Test func aBodyNestedTooDeeplyIsRefused() {
        #expect(validationError(String(repeating: "[", count: 100_000)) != nil)
    }

    @Test func anAcceptedClaimIsPending() throws {
        let claim = try message().pendingClaim
        #expect(claim.status == .pending)
        #expect(claim.attempts == 0)
        #expect(claim.userID?.description == "größe/1")
        #expect(claim.couponName?.description == "SALE")
        #expect(claim.createdAt == Timestamp(milliseconds: 1_795_368_454_123))
        #expect(claim.reason == nil)
        #expect(claim.decidedAt == nil)
    }
}
