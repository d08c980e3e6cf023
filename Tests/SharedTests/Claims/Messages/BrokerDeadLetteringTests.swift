import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@Suite struct BrokerDeadLetteringTests {
    private static let time = Timestamp(milliseconds: 1_795_368_454_123)

    /// Returns a message that the broker dead-lettered.
    private func dead(_ time: AMQPValue = .timestamp(1_795_368_454)) -> BrokerMessage {
        var message = BrokerMessage(properties: MessageProperties(), body: [])
        message.properties.headers = [
            "attempts": .int32(2),
            // A claim that was retried once: its delay is over, then the lane's delivery limit is reached.
            "x-first-death-reason": .string("expired"), "x-first-death-queue": .string("claims.retry.0"),
            "x-death": .array([
                .table([
                    "count": .int64(1), "time": time, "reason": .string("delivery_limit"),
                    "queue": .string("claims.work.3"),
                ]), .table(["time": .timestamp(1), "reason": .string("expired"), "queue": .string("claims.retry.0")]),
            ]),
        ]
        return message
    }

    @Test func theReasonAndTimeOfADeadLetteringByTheBrokerAreRead() {
        #expect(dead().brokerDeadLetterReason == "delivery_limit")
        #expect(dead().brokerDeadLetterTime == Timestamp(milliseconds: 1_795_368_454_000))
    }

    @Test func withoutADeadLetteringByTheBrokerThereIsNoReasonAndNoTime() {
        let message = BrokerMessage(properties: MessageProperties(), body: [])
        #expect(message.brokerDeadLetterReason == nil)
        #expect(message.brokerDeadLetterTime == nil)
    }

    @Test(arguments: [AMQPValue.string("2026-11-22T17:27:34Z"), .int64(1_795_368_454), .void])
    func aTimeOfAnotherTypeIsIgnored(_ time: AMQPValue) {
        #expect(dead(time).brokerDeadLetterTime == nil)
    }

    @Test(arguments: [AMQPValue.array([]), .array([.string("odd")]), .array([.table([:])]), .table([:]), .void])
    func aMalformedDeathHeaderHasNoTime(_ history: AMQPValue) {
        var message = dead()
        message.properties.headers["x-death"] = history
        #expect(message.brokerDeadLetterTime == nil)
        #expect(message.replayed(by: "eve", at: Self.time).properties.headers["x-death"] == nil)
    }

    @Test func aReasonOfAnotherTypeIsIgnored() {
        var message = dead()
        message.properties.headers["x-death"] = .array([.table(["reason": .bytes([1])])])
        message.properties.headers["x-first-death-reason"] = .bytes([1])
        #expect(message.brokerDeadLetterReason == nil)
    }

    @Test func withoutARecordOfTheLatestDeathTheFirstOneIsTheReason() {
        var message = dead()
        message.properties.headers["x-death"] = nil
        #expect(message.brokerDeadLetterReason == "expired")
    }

    @Test func aReplayRecordsTheDeadLetteringByTheBrokerAsAFailedAttempt() {
        let headers = ClaimHeaders(dead().replayed(by: "eve", at: Self.time).properties.headers)
        #expect(
            headers.failures == [
                FailedAttempt(
                    attempt: 3, at: Timestamp(milliseconds: 1_795_368_454_000), worker: "rabbitmq",
                    code: "delivery_limit", message: "dead-lettered from claims.work.3")
            ])
        #expect(headers.attempts == 0)
    }

    @Test func theDeadLetteringByTheBrokerIsTheLastOf40Failures() {
        var message = dead()
        for attempt in 1...50 {
            let marks = message.properties.headers
            message = message.recording(
                FailedAttempt(attempt: attempt, at: Self.time, worker: "w1", code: "lock_held", message: "held"))
            for (name, value) in marks where name.hasPrefix("x-") { message.properties.headers[name] = value }
        }
        let failures = ClaimHeaders(message.replayed(by: "eve", at: Self.time).properties.headers).failures
        #expect(failures.count == 40)
        #expect(failures.first?.attempt == 12)
        #expect(failures.last?.code == "delivery_limit")
    }

    @Test func aTimestampOutOfRangeDoesNotCrash() {
        #expect(dead(.timestamp(.max)).replayed(by: "eve", at: Self.time).body.isEmpty)
    }
}
