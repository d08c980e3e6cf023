import Broker
import Claims
import OrderedCollections
import Testing

@testable import DeadLetters

/// Bodies that are not a claim of the current version, and the ids of such messages.
@Suite struct DeadLetterBodyTests {
    private let claimID = ClaimMessage.made(5).id

    @Test func aBodyOfAnotherVersionIsReadPartially() {
        let letter = DeadLetter.stray(
            #"{"version": 3, "user_id": "u9", "coupon_name": "flash sale!", "claim": {"deep": [1]}}"#)
        #expect(letter.claim == nil)
        #expect(letter.couponName == "FLASH_SALE")
        #expect(letter.userID == "u9")
        #expect(letter.error == "version 3 is not supported")
    }

    @Test func aCouponWithoutANormalFormIsShownUnchanged() {
        #expect(DeadLetter.stray(#"{"coupon_name": "!!!"}"#).couponName == "!!!")
    }

    @Test func fieldsOfTheWrongTypeAreIgnored() {
        let letter = DeadLetter.stray(#" {"id": [], "user_id": 5, "coupon_name": ["SALE"]}"#)
        #expect(letter.couponName == nil)
        #expect(letter.userID == nil)
        #expect(letter.claimID == nil)
    }

    @Test(arguments: ["", " ", "\0", "not json", "{", "[]", "[{\"user_id\": \"u1\"}]", "null", "\"u1\"", "17"])
    func aBodyThatIsNotAnObjectHasNoFields(_ body: String) {
        let letter = DeadLetter.stray(body)
        #expect(letter.claim == nil)
        #expect(letter.couponName == nil)
        #expect(letter.userID == nil)
        #expect(letter.error?.contains("JSON") == true)
    }

    @Test func aBodyThatIsNotUTF8HasNoFields() {
        let letter = DeadLetter(BrokerMessage(properties: MessageProperties(), body: [0x7B, 0xFF, 0xFE, 0x7D]))
        #expect(letter.claim == nil)
        #expect(letter.couponName == nil)
        #expect(letter.error != nil)
        #expect(letter.message.body == [0x7B, 0xFF, 0xFE, 0x7D])
    }

    @Test func aBodyNestedTooDeeplyHasNoFields() {
        #expect(DeadLetter.stray(String(repeating: "{\"a\":", count: 10_000)).couponName == nil)
    }

    @Test func theLastFailureHasPrecedenceOverTheErrorInTheBody() {
        var message = BrokerMessage.made(error: "lock of SALE is held")
        message.body = []
        #expect(DeadLetter(message).error == "lock of SALE is held")
    }

    @Test func anUnreadableClaimIsIdentifiedByItsMessageID() {
        let letter = DeadLetter.stray("odd", messageID: claimID.description)
        #expect(letter.claimID == claimID)
        #expect(letter.id == claimID.description)
    }

    @Test func withoutAMessageIDTheBodysIDIsUsed() {
        let letter = DeadLetter.stray(#"{"version": 2, "id": "\#(claimID)"}"#)
        #expect(letter.claimID == claimID)
        #expect(letter.id == claimID.description)
    }

    @Test func theIDInAReadableBodyHasPrecedenceOverTheMessageID() {
        var message = BrokerMessage.made(5)
        message.properties.messageID = "order-17"
        #expect(DeadLetter(message).id == claimID.description)
    }

    @Test func aMessageIDThatIsNotAClaimsIDIdentifiesTheMessage() {
        let letter = DeadLetter.stray("odd", messageID: "order-17")
        #expect(letter.id == "order-17")
        #expect(letter.claimID == nil)
        #expect(letter.deadLetteredClaim == nil)
    }

    @Test(arguments: [nil, ""]) func aMessageWithoutAnIDIsIdentifiedByItsContent(_ messageID: String?) {
        let letter = DeadLetter.stray("odd", messageID: messageID)
        #expect(letter.id == letter.message.contentID)
        #expect(letter.claimID == nil)
        #expect(letter.id != DeadLetter.stray("other", messageID: messageID).id)
    }

    @Test func anIDDerivedFromTheContentSurvivesAReplay() {
        let letter = DeadLetter.stray("odd", headers: ["reason": .string("unreadable"), "attempts": .int32(1)])
        let replayed = letter.message.replayed(by: "eve", at: DeadLetter.end)
        #expect(DeadLetter(replayed.deadLettered(reason: "unreadable", at: DeadLetter.end)).id == letter.id)
    }
}
