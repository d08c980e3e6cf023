import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@Suite struct ReplayedMessageTests {
    private static let time = Timestamp(milliseconds: 1_795_368_454_123)
    private static let later = Timestamp(milliseconds: 1_795_368_514_123)

    private func failure(_ attempt: Int) -> FailedAttempt {
        FailedAttempt(attempt: attempt, at: Self.time, worker: "w1", code: "lock_held", message: "held")
    }

    /// Returns the dead letter of a claim after `tries` failed attempts.
    private func dead(tries: Int = 4) throws -> BrokerMessage {
        let claim = try ClaimMessage(
            id: #require(ClaimID(String(repeating: "0", count: 40))), userID: #require(UserID("u1")),
            couponName: #require(CouponName("SALE")), createdAt: Self.time)
        var message = BrokerMessage.claim(claim, encodedBy: .shared)
        for attempt in 1...tries { message = message.recording(failure(attempt)) }
        return message.deadLettered(reason: "lock_held", at: Self.time)
    }

    private func replays(_ message: BrokerMessage) -> [AMQPValue] {
        message.properties.headers["replays"]?.array ?? []
    }

    @Test func aReplayedClaimHasAllItsRetries() throws {
        let headers = try dead().replayed(by: "eve", at: Self.later).properties.headers
        #expect(Set(headers.keys) == ["errors", "replays"])
        #expect(ClaimHeaders(headers).attempts == 0)
    }

    @Test func theFailedAttemptsAreKept() throws {
        let headers = ClaimHeaders(try dead().replayed(by: "eve", at: Self.later).properties.headers)
        #expect(headers.failures == [failure(1), failure(2), failure(3), failure(4)])
    }

    @Test func aReplayRecordsTheHeadersThatItRemoves() throws {
        let replay: AMQPTable = [
            "at": .string("2026-11-22T17:28:34.123Z"), "by": .string("eve"), "reason": .string("lock_held"),
            "attempts": .int32(4), "died_at": .string("2026-11-22T17:27:34.123Z"),
        ]
        #expect(replays(try dead().replayed(by: "eve", at: Self.later)) == [.table(replay)])
    }

    @Test func aReplayRecordsOnlyTheHeadersThatExist() {
        let bare = BrokerMessage(properties: MessageProperties(), body: [])
        let replay: AMQPTable = ["at": .string("2026-11-22T17:27:34.123Z"), "by": .string("eve")]
        #expect(replays(bare.replayed(by: "eve", at: Self.time)) == [.table(replay)])
    }

    @Test func bodyAndMessageIDAreKept() throws {
        var message = try dead()
        message.body = [0xFF, 0x00]
        message.properties.correlationID = "c"
        let replayed = message.replayed(by: "eve", at: Self.later)
        #expect(replayed.body == message.body)
        #expect(replayed.properties.messageID == message.properties.messageID)
        #expect(replayed.properties.type == "claim")
        #expect(replayed.properties.timestamp == message.properties.timestamp)
        #expect(replayed.properties.correlationID == "c")
    }

    @Test func aReplayRemovesWhatTheBrokerWouldMisread() throws {
        var message = try dead()
        message.properties.expiration = "500"
        message.properties.userID = "claims"
        message.properties.deliveryMode = 1
        message.properties.headers["x-death"] = .array([])
        message.properties.headers["x-delivery-count"] = .int64(3)
        message.properties.headers["trace"] = .string("kept")
        let properties = message.replayed(by: "eve", at: Self.later).properties
        #expect(properties.expiration == nil)
        #expect(properties.userID == nil)
        #expect(properties.deliveryMode == 2)
        #expect(Set(properties.headers.keys) == ["errors", "replays", "trace"])
    }

    @Test func replaysAreListedOldestFirst() throws {
        let once = try dead().replayed(by: "eve", at: Self.time)
        let twice = once.deadLettered(reason: "unreadable", at: Self.later).replayed(by: "bob", at: Self.later)
        #expect(replays(twice).compactMap { $0.table?["by"]?.string } == ["eve", "bob"])
        #expect(replays(twice).last?.table?["reason"] == .string("unreadable"))
        #expect(replays(twice).first == replays(once).first)
    }

    @Test func theLast40ReplaysAreKept() throws {
        var message = try dead()
        for number in 1...45 { message = message.replayed(by: "\(number)", at: Self.later) }
        #expect(replays(message).compactMap { $0.table?["by"]?.string } == (6...45).map { "\($0)" })
    }

    @Test func theLast40FailuresAreKept() throws {
        let headers = ClaimHeaders(try dead(tries: 45).replayed(by: "eve", at: Self.later).properties.headers)
        #expect(headers.failures.map(\.attempt) == Array(6...45))
    }

    @Test func aMalformedReplaysHeaderIsReplaced() throws {
        var message = try dead()
        message.properties.headers["replays"] = .string("odd")
        #expect(replays(message.replayed(by: "eve", at: Self.later)).count == 1)
    }
}
