import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@Suite struct ClaimHeadersTests {
    private static let time = Timestamp(milliseconds: 1_795_368_454_123)

    private func failure(_ attempt: Int, code: String = "lock_held") -> FailedAttempt {
        FailedAttempt(attempt: attempt, at: Self.time, worker: "w1", code: code, message: "held")
    }

    private func fresh() throws -> BrokerMessage {
        let message = try ClaimMessage(
            id: #require(ClaimID(String(repeating: "0", count: 40))), userID: #require(UserID("u1")),
            couponName: #require(CouponName("SALE")), createdAt: Self.time)
        return .claim(message, encodedBy: .shared)
    }

    @Test func theMessageOfAClaimIsPersistentAndCarriesItsID() throws {
        let properties = try fresh().properties
        #expect(properties.deliveryMode == 2)
        #expect(properties.messageID == String(repeating: "0", count: 40))
        #expect(properties.contentType == "application/json")
        #expect(properties.type == "claim")
        #expect(properties.timestamp == 1_795_368_454)
        #expect(properties.expiration == nil)
        #expect(try ClaimMessageCoder.shared.decode(fresh().body).userID.description == "u1")
    }

    @Test func aTimeBefore1970BecomesTimestampZero() throws {
        var message = ClaimMessage(
            id: try #require(ClaimID(String(repeating: "0", count: 40))), userID: try #require(UserID("u1")),
            couponName: try #require(CouponName("SALE")), createdAt: Timestamp(milliseconds: -1_000_000))
        #expect(BrokerMessage.claim(message, encodedBy: .shared).properties.timestamp == 0)
        message.createdAt = Timestamp(milliseconds: 1_000_000)
        #expect(BrokerMessage.claim(message, encodedBy: .shared).properties.timestamp == 1000)
    }

    @Test func aFreshClaimHasNoHistory() throws {
        #expect(ClaimHeaders(try fresh().properties.headers) == ClaimHeaders())
    }

    @Test func theHistoryGrowsOldestFirst() throws {
        let message = try fresh().recording(failure(1)).recording(failure(2, code: "database_error"))
        let headers = ClaimHeaders(message.properties.headers)
        #expect(headers.attempts == 2)
        #expect(headers.failures == [failure(1), failure(2, code: "database_error")])
    }

    @Test func aFailedAttemptIsReadBackFromTheHeaders() throws {
        var attempt = failure(3)
        attempt.message = "größe \"quoted\"\n"
        #expect(ClaimHeaders(try fresh().recording(attempt).properties.headers).failures == [attempt])
    }

    @Test func aLongMessageIsCut() {
        let text = String(repeating: "x", count: 5000)
        let attempt = FailedAttempt(attempt: 1, at: Self.time, worker: "w1", code: "c", message: text)
        #expect(attempt.message.count == 1000)
    }

    @Test func headersOfTheBrokerAreRemoved() throws {
        var message = try fresh()
        message.properties.headers = [
            "x-death": .array([.table(["count": .int64(1)])]), "x-first-death-reason": .string("expired"),
            "x-delivery-count": .int64(3), "sequence": .int64(7), "trace": .string("kept"),
        ]
        let headers = message.recording(failure(1)).properties.headers
        #expect(Set(headers.keys) == ["sequence", "trace", "attempts", "errors"])
        #expect(headers["trace"] == .string("kept"))
    }

    @Test func theUserIDOfTheFirstPublisherIsRemoved() throws {
        var message = try fresh()
        message.properties.userID = "claims"
        #expect(message.recording(failure(1)).properties.userID == nil)
    }

    @Test func aCopyIsPersistentEvenIfTheOriginalWasNot() throws {
        var message = try fresh()
        message.properties.deliveryMode = 1
        #expect(message.recording(failure(1)).properties.deliveryMode == 2)
    }

    @Test func theBodyAndTheOtherPropertiesAreKept() throws {
        var message = try fresh()
        message.body = [0xFF, 0x00, 0x7B]
        message.properties.correlationID = "c"
        let copy = message.recording(failure(1)).deadLettered(reason: "unreadable", at: Self.time)
        #expect(copy.body == message.body)
        #expect(copy.properties.messageID == message.properties.messageID)
        #expect(copy.properties.timestamp == message.properties.timestamp)
        #expect(copy.properties.correlationID == "c")
    }

    @Test func aDeadLetterStatesItsReasonAndTime() throws {
        let dead = try fresh().recording(failure(4)).deadLettered(reason: "lock_held", at: Self.time)
        #expect(dead.properties.headers["reason"] == .string("lock_held"))
        #expect(dead.properties.headers["died_at"] == .string("2026-11-22T17:27:34.123Z"))
        #expect(dead.properties.headers["attempts"]?.integer == 4)
    }

    @Test func aDeadLetterNeverExpires() throws {
        var message = try fresh()
        message.properties.expiration = "500"
        #expect(message.deadLettered(reason: "lock_held", at: Self.time).properties.expiration == nil)
    }

    @Test func malformedHeadersAreIgnored() {
        let headers = ClaimHeaders([
            "attempts": .string("three"), "sequence": .boolean(true),
            "errors": .array([.string("odd"), .table([:]), .table(["attempt": .int32(1), "at": .string("now")])]),
        ])
        #expect(headers == ClaimHeaders())
    }

    @Test(arguments: [(AMQPValue.int64(-1), 0), (.int8(3), 3), (.uint64(.max), 0), (.int64(7), 7), (.void, 0)])
    func attemptsAreReadFromAnyWholeNumber(_ value: AMQPValue, _ attempts: Int) {
        #expect(ClaimHeaders(["attempts": value]).attempts == attempts)
    }

    @Test func anAttemptWithoutItsDetailsIsStillRead() {
        let headers = ClaimHeaders([
            "errors": .array([
                .table(["attempt": .int64(1), "at": .string("2026-11-22T17:27:34.123Z"), "code": .string("c")])
            ])
        ])
        #expect(
            headers.failures == [FailedAttempt(attempt: 1, at: Self.time, worker: "", code: "c", message: "")])
    }
}
