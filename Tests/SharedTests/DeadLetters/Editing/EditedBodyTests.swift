import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct EditedBodyTests {
    /// A dead-lettered claim with a readable body, and one with an unreadable body.
    private let letter = DeadLetter.made(1)
    private let broken = DeadLetter.stray("broken", messageID: ClaimMessage.made(1).id.description)

    private func claim(_ body: String, of letter: DeadLetter) throws -> ClaimMessage {
        try EditedBody(Array(body.utf8), of: letter).claim
    }

    /// The error in a body; nil if it is valid.
    private func validationError(_ body: String) -> String? {
        do throws(EditedBody.ValidationError) {
            _ = try EditedBody(Array(body.utf8), of: letter)
            return nil
        } catch {
            return error.description
        }
    }

    private let minimal = #"{"user_id": "u2", "coupon_name": "flash sale"}"#

    @Test func userAndCouponAreEnough() throws {
        let edited = try claim(minimal, of: letter)
        #expect(edited.id == ClaimMessage.made(1).id)
        #expect(edited.userID.description == "u2")
        #expect(edited.couponName.description == "FLASH_SALE")
        #expect(edited.createdAt == ClaimMessage.made(1).createdAt)
    }

    @Test func aCompleteBodyIsUsedUnchanged() throws {
        let whole = ClaimMessage.made(1, coupon: "FLASH")
        let body = String(decoding: ClaimMessageCoder.shared.encode(whole), as: UTF8.self)
        #expect(try claim(body, of: letter) == whole)
        #expect(try claim(body, of: broken) == whole)
    }

    @Test func unknownFieldsAreIgnored() {
        #expect(validationError(#"{"user_id": "u2", "coupon_name": "SALE", "color": "red"}"#) == nil)
    }

    @Test(arguments: [
        (#"{"coupon_name": "SALE"}"#, "user_id is missing"), (#"{"user_id": "u1"}"#, "coupon_name is missing"),
        (#"{"user_id": 1, "coupon_name": "SALE"}"#, "user_id must be a string"),
        (#"{"user_id": null, "coupon_name": "SALE"}"#, "user_id must be a string, not null"),
        (#"{"user_id": "", "coupon_name": "SALE"}"#, "user_id \(UserID.rule)"),
        (#"{"user_id": "a\nb", "coupon_name": "SALE"}"#, "user_id \(UserID.rule)"),
        (#"{"user_id": "u1", "coupon_name": "!"}"#, "coupon_name \(CouponName.rule)"),
        ("", "the body is not valid JSON"), ("broken", "the body is not valid JSON"),
        ("[]", "the body must be a JSON object"), ("null", "the body must be a JSON object"),
    ])
    func aBodyThatBreaksARuleIsRefusedWithThatRule(_ body: String, _ words: String) {
        #expect(validationError(body) == words)
    }

    private func with(_ field: String) -> String {
        #"{"user_id": "u1", "coupon_name": "SALE", \#(field)}"#
    }

    @Test(arguments: ["0", "2", "-1"]) func anotherVersionIsRefused(_ version: String) {
        #expect(validationError(with(#""version": \#(version)"#)) == "version must be 1, or left out")
    }

    @Test func aVersionOfAnotherTypeIsRefused() {
        #expect(validationError(with(#""version": "1""#)) == "version must be a whole number")
    }

    @Test(arguments: ["", "x", String(repeating: "0", count: 40)]) func anotherIDIsRefused(_ id: String) {
        #expect(validationError(with(#""id": "\#(id)""#)) == "id must be \(ClaimMessage.made(1).id), or left out")
    }

    @Test func itsOwnIDIsAccepted() {
        #expect(validationError(with(#""version": 1, "id": "\#(ClaimMessage.made(1).id)""#)) == nil)
    }

    @Test(arguments: ["", "yesterday", "2026-02-30T00:00:00Z", "1795368454"])
    func anInvalidTimeIsRefused(_ time: String) {
        let words = "created_at must be a time as in RFC 3339, or left out"
        #expect(validationError(with(#""created_at": "\#(time)""#)) == words)
    }

    @Test func nullFieldsCountAsMissing() {
        #expect(validationError(with(#""version": null, "id": null, "created_at": null"#)) == nil)
    }

    @Test func aGivenTimeHasPrecedence() throws {
        let edited = try claim(with(#""created_at": "2026-11-22T18:27:34.123+01:00""#), of: letter)
        #expect(edited.createdAt == DeadLetter.end)
    }

    @Test func aMissingTimeIsTakenFromTheMessage() throws {
        var message = BrokerMessage.made(1)
        message.body = []
        let createdAt = try claim(minimal, of: DeadLetter(message)).createdAt
        #expect(createdAt == Timestamp(milliseconds: 1_795_368_400_000))
    }

    @Test func withoutAMessageTimeTheFirstFailureIsUsed() throws {
        let first = FailedAttempt(
            attempt: 1, at: Timestamp(milliseconds: 5000), worker: "w1", code: "unreadable", message: "")
        let second = FailedAttempt(attempt: 2, at: DeadLetter.end, worker: "w1", code: "unreadable", message: "")
        let message = broken.message.recording(first).recording(second).deadLettered(
            reason: "unreadable", at: DeadLetter.end)
        #expect(try claim(minimal, of: DeadLetter(message)).createdAt == Timestamp(milliseconds: 5000))
    }

    @Test func withoutAFailureTheTimeOfDeathIsUsed() throws {
        let message = broken.message.deadLettered(reason: "unreadable", at: DeadLetter.end)
        #expect(try claim(minimal, of: DeadLetter(message)).createdAt == DeadLetter.end)
    }

    @Test(arguments: [nil, "order-17"]) func aMessageWithoutAClaimsIDGetsOneFromItsContent(_ messageID: String?) throws
    {
        let letter = DeadLetter.stray("broken", messageID: messageID)
        #expect(try claim(minimal, of: letter).id.description == letter.message.contentID)
    }
}
