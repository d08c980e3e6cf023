import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct ContentIDTests {
    private static let time = Timestamp(milliseconds: 1_795_368_454_123)

    /// A message of another program.
    private var message: BrokerMessage {
        var properties = MessageProperties()
        properties.messageID = "order-17"
        properties.headers = ["trace": .string("t")]
        return BrokerMessage(properties: properties, body: Array("not json".utf8))
    }

    private var failure: FailedAttempt {
        FailedAttempt(attempt: 4, at: Self.time, worker: "w1", code: "unreadable", message: "no JSON")
    }

    @Test(arguments: ["sequence", "attempts", "errors", "reason", "died_at", "replays", "x-death", "x-delivery-count"])
    func headersAddedOnTheWayDoNotChangeTheContentID(_ header: String) {
        var changed = message
        changed.properties.headers[header] = .string("1")
        #expect(changed.contentID == message.contentID)
    }

    @Test func failuresDeathAndReplayDoNotChangeTheContentID() {
        let failed = message.recording(failure)
        #expect(failed.contentID == message.contentID)
        let dead = failed.deadLettered(reason: "unreadable", at: Self.time)
        #expect(dead.contentID == message.contentID)
        #expect(dead.replayed(by: "eve", at: Self.time).contentID == message.contentID)
    }

    @Test func propertiesThatARetryRemovesDoNotChangeTheContentID() {
        var changed = message
        changed.properties.expiration = "500"
        changed.properties.userID = "claims"
        changed.properties.deliveryMode = 1
        #expect(changed.contentID == message.contentID)
    }

    @Test func anotherBodyChangesTheContentID() {
        var changed = message
        changed.body.append(0x20)
        #expect(changed.contentID != message.contentID)
    }

    @Test func theSendersHeadersAndMessageIDChangeTheContentID() {
        var other = message
        other.properties.headers["trace"] = .string("u")
        var another = message
        another.properties.messageID = "order-18"
        #expect(Set([message, other, another].map(\.contentID)).count == 3)
    }

    @Test func theContentIDIsTheFingerprintOfTheMessageAsPublished() {
        #expect(message.contentID == message.fingerprint)
        #expect(ClaimID(message.contentID) != nil)
    }
}
