import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct DeadLetterTests {
    @Test func allFieldsOfADeadLetteredClaimAreRead() {
        let letter = DeadLetter.made(7)
        #expect(letter.id == ClaimMessage.made(7).id.description)
        #expect(letter.claimID == ClaimMessage.made(7).id)
        #expect(letter.claim == ClaimMessage.made(7))
        #expect(letter.couponName == "SALE")
        #expect(letter.userID == "u7")
        #expect(letter.reason == "lock_held")
        #expect(letter.attempts == 4)
        #expect(letter.diedAt == DeadLetter.end)
        #expect(letter.failures.map(\.code) == ["lock_held"])
        #expect(letter.error == "held")
    }

    @Test func aMessageWithoutHeadersHasNoReasonAndNoTime() {
        let letter = DeadLetter(.claim(.made(1), encodedBy: .shared))
        #expect(letter.reason == nil)
        #expect(letter.attempts == 0)
        #expect(letter.diedAt == nil)
        #expect(letter.failures.isEmpty)
        #expect(letter.error == nil)
        #expect(letter.age(at: .now()) == nil)
    }

    @Test func headersOfTheWrongTypeAreIgnored() {
        let letter = DeadLetter.made(headers: [
            "reason": .int32(1), "attempts": .string("4"), "died_at": .timestamp(1_795_368_454),
            "errors": .string("held"), "sequence": .string("1"),
        ])
        #expect(letter.reason == nil)
        #expect(letter.attempts == 0)
        #expect(letter.diedAt == nil)
        #expect(letter.failures.isEmpty)
        #expect(letter.claimID == ClaimMessage.made(1).id)
    }

    @Test func anInvalidTimeOfDeathIsUnknown() {
        #expect(DeadLetter.made(headers: ["died_at": .string("yesterday")]).diedAt == nil)
    }

    private let brokersHeaders: AMQPTable = [
        "x-first-death-reason": .string("delivery_limit"),
        "x-death": .array([.table(["count": .int64(1), "time": .timestamp(1_795_368_454)])]),
    ]

    @Test func aMessageThatTheBrokerDeadLetteredHasAReasonAndATime() {
        let letter = DeadLetter.made(reason: nil, died: nil, headers: brokersHeaders)
        #expect(letter.reason == "delivery_limit")
        #expect(letter.diedAt == Timestamp(milliseconds: 1_795_368_454_000))
    }

    @Test func aWorkersReasonHasPrecedenceOverTheBrokers() {
        let letter = DeadLetter.made(headers: brokersHeaders)
        #expect(letter.reason == "lock_held")
        #expect(letter.diedAt == DeadLetter.end)
    }

    @Test func theBrokersDeliveryCountIsRemoved() {
        let letter = DeadLetter.made(
            headers: ["x-delivery-count": .int64(3), "x-acquired-count": .int64(4), "x-opt": .void])
        #expect(letter.message.properties.headers["x-delivery-count"] == nil)
        #expect(letter.message.properties.headers["x-acquired-count"] == nil)
        #expect(letter.message.properties.headers["x-opt"] == .void)
        #expect(letter.message.fingerprint == DeadLetter.made(headers: ["x-opt": .void]).message.fingerprint)
    }

    @Test func theErrorIsThatOfTheLastFailure() {
        #expect(DeadLetter.made(error: "lock of SALE").error == "lock of SALE")
        var silent = BrokerMessage.made(error: "")
        #expect(DeadLetter(silent).error == nil)
        silent.body = []
        #expect(DeadLetter(silent).error?.contains("JSON") == true)
    }

    @Test func theAgeIsInWholeSecondsAndNeverNegative() {
        let letter = DeadLetter.made()
        let times: [Int64] = [-5000, 0, 999, 1000, 3_600_500]
        let ages = times.map { letter.age(at: Timestamp(milliseconds: DeadLetter.end.milliseconds + $0)) }
        #expect(ages == [0, 0, 0, 1, 3600])
    }

    @Test func theRowOfItsClaimIsDeadLettered() {
        let message = ClaimMessage.made(3)
        let row = Claim(
            id: message.id, status: .deadLettered, reason: "lock_held", userID: message.userID,
            couponName: message.couponName, attempts: 4, createdAt: message.createdAt, decidedAt: DeadLetter.end)
        #expect(DeadLetter.made(3).deadLetteredClaim == row)
    }

    @Test func theRowHasAReasonEvenIfNoneIsRecorded() {
        #expect(DeadLetter.made(reason: nil).deadLetteredClaim?.reason == "unknown")
    }

    @Test func onlyAMessageThatAsksForACouponDeadLettersItsClaim() {
        var message = BrokerMessage.made()
        message.properties.type = nil
        #expect(DeadLetter(message).deadLetteredClaim != nil)
        // The body says what a worker does; the type counts for a body that can't be read.
        message.properties.type = "cancel"
        #expect(DeadLetter(message).deadLetteredClaim != nil)
        message.body = []
        #expect(DeadLetter(message).deadLetteredClaim == nil)
        #expect(DeadLetter(message).claimID == ClaimMessage.made(1).id)
        #expect(DeadLetter.cancel(1).deadLetteredClaim == nil)
        #expect(DeadLetter.stray("odd").deadLetteredClaim == nil)
    }

    @Test func theAttemptDuringWhichTheBrokerDeadLetteredTheMessageCounts() {
        let letter = DeadLetter.made(reason: nil, died: nil, headers: brokersHeaders)
        #expect(letter.attempts == 4)
        #expect(letter.deadLetteredClaim?.attempts == 5)
        #expect(DeadLetter.made(headers: brokersHeaders).deadLetteredClaim?.attempts == 4)
    }

    @Test func attemptsOutOfRangeDoNotOverflow() {
        var headers = brokersHeaders
        headers["attempts"] = .int64(.max)
        let letter = DeadLetter.made(reason: nil, died: nil, headers: headers)
        #expect(letter.deadLetteredClaim?.attempts == Int(Int32.max) + 1)
        #expect(!letter.message.replayed(by: "eve", at: DeadLetter.end).body.isEmpty)
    }

    @Test func theReplaysOfAMessageAreReadOldestFirst() {
        let once = BrokerMessage.made().replayed(by: "bob", at: DeadLetter.end)
        let twice = once.deadLettered(reason: "unreadable", at: DeadLetter.end).replayed(by: "eve", at: DeadLetter.end)
        let replays = DeadLetter(twice).replays
        #expect(replays.map(\.by) == ["bob", "eve"])
        #expect(replays.map(\.reason) == ["lock_held", "unreadable"])
        #expect(replays.map(\.at) == ["2026-11-22T17:27:34.123Z", "2026-11-22T17:27:34.123Z"])
        #expect(DeadLetter.made().replays.isEmpty)
    }

    @Test(arguments: ["order-17", DeadLetter.stray("odd", messageID: "order-17").message.fingerprint])
    func aMessageIsFoundByItsIDItsMessageIDAndItsFingerprint(_ name: String) {
        #expect(DeadLetter.stray("odd", messageID: "order-17").matches(id: name))
        #expect(!DeadLetter.stray("odd", messageID: "order-18").matches(id: name))
    }

    @Test(arguments: [1, 2, 7, 64]) func itsLaneIsThatOfItsCoupon(_ lanes: Int) throws {
        let coupon = try #require(CouponName("FLASH_SALE"))
        #expect(DeadLetter.made(coupon: "FLASH_SALE").lane(of: lanes) == coupon.lane(of: lanes))
        let other = DeadLetter.stray(#"{"version": 2, "coupon_name": "flash sale"}"#)
        #expect(other.lane(of: lanes) == coupon.lane(of: lanes))
        #expect(DeadLetter.stray("odd").lane(of: lanes) == 0)
        #expect(DeadLetter.stray(#"{"coupon_name": "!"}"#).lane(of: lanes) == 0)
    }
}
