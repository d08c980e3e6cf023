import Broker
import Claims
import OrderedCollections
import Testing

@testable import DeadLetters

@Suite struct EditedMessageTests {
    private let claim = ClaimMessage.made(1, coupon: "FLASH")

    private func edited(_ letter: DeadLetter) -> BrokerMessage {
        letter.edited(as: claim, by: "eve", at: DeadLetter.end)
    }

    private func replays(_ message: BrokerMessage) -> [AMQPTable] {
        message.properties.headers["replays"]?.array?.compactMap(\.table) ?? []
    }

    @Test func anEditedMessageHasTheClaimsProperties() throws {
        var original = BrokerMessage.made(2)
        original.body = [0xFF]
        original.properties.contentType = "text/plain"
        original.properties.contentEncoding = "gzip"
        original.properties.type = "odd"
        let message = edited(DeadLetter(original))
        #expect(try ClaimMessageCoder.shared.decode(message.body) == claim)
        #expect(message.properties.messageID == claim.id.description)
        #expect(message.properties.contentType == "application/json")
        #expect(message.properties.contentEncoding == nil)
        #expect(message.properties.type == "claim")
        #expect(message.properties.timestamp == 1_795_368_400)
        #expect(message.properties.deliveryMode == 2)
    }

    @Test func anEditedMessageStartsWithAllRetries() {
        var original = BrokerMessage.made(headers: ["x-death": .array([]), "trace": .string("t")])
        original.properties.expiration = "500"
        let message = edited(DeadLetter(original))
        #expect(Set(message.properties.headers.keys) == ["errors", "replays", "trace"])
        #expect(message.properties.expiration == nil)
        #expect(ClaimHeaders(message.properties.headers).failures.map(\.attempt) == [4])
        let letter = DeadLetter(message)
        #expect(letter.attempts == 0)
        #expect(letter.reason == nil)
        #expect(letter.diedAt == nil)
    }

    @Test func theHistoryOfAnEditedMessageNamesTheOriginal() throws {
        let letter = DeadLetter.made(1)
        let replay = try #require(replays(edited(letter)).last)
        #expect(replay["by"] == .string("eve"))
        #expect(replay["at"] == .string("2026-11-22T17:27:34.123Z"))
        #expect(replay["reason"] == .string("lock_held"))
        #expect(replay["attempts"] == .int32(4))
        #expect(replay["mended"] == .string(letter.message.fingerprint))
        #expect(replay["original_body"] == .bytes(letter.message.body))
    }

    @Test func theHistoryHoldsTheBeginningOfALongBody() throws {
        let letter = DeadLetter.stray(String(repeating: "x", count: 100_000))
        let replay = try #require(replays(edited(letter)).last)
        #expect(replay["original_body"] == .bytes(Array(repeating: UInt8(ascii: "x"), count: 4096)))
    }

    @Test func earlierReplaysAreKept() {
        let once = BrokerMessage.made().replayed(by: "bob", at: DeadLetter.end)
        let twice = edited(DeadLetter(once.deadLettered(reason: "unreadable", at: DeadLetter.end)))
        #expect(replays(twice).compactMap { $0["by"]?.string } == ["bob", "eve"])
        #expect(replays(twice).map { $0["mended"] == nil } == [true, false])
        #expect(replays(twice).first == replays(once).first)
    }

    @Test func theLast40ReplaysAreKept() {
        var message = BrokerMessage.made()
        for _ in 0..<45 { message = message.replayed(by: "bob", at: DeadLetter.end) }
        let history = replays(edited(DeadLetter(message)))
        #expect(history.count == 40)
        #expect(history.filter { $0["mended"] != nil }.count == 1)
        #expect(history.last?["by"] == .string("eve"))
    }

    @Test func anEditedMessageHasAnotherFingerprint() {
        let letter = DeadLetter.made(1)
        #expect(edited(letter).fingerprint != letter.message.fingerprint)
        #expect(edited(letter).fingerprint != letter.message.replayed(by: "eve", at: DeadLetter.end).fingerprint)
    }
}
