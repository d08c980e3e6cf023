import Broker
import DeadLetters
import OrderedCollections
import RuntimeSupport
import Testing

@testable import claimctl

@Suite struct ListTotalsTests {
    private let now = Timestamp(milliseconds: 1_795_368_454_000)

    private func letter(_ reason: String?, age: Int64) -> DeadLetter {
        var message = BrokerMessage(properties: MessageProperties(), body: [])
        message.properties.headers["died_at"] = .string(
            Timestamp(milliseconds: now.milliseconds - age * 1000).description)
        message.properties.headers["reason"] = reason.map { .string($0) }
        return DeadLetter(message)
    }

    private func totals(all: Int, _ matching: [DeadLetter], shown: Int) -> String {
        DLQCommand.List.totals(all: all, matching: DeadLetterTotals(matching), shown: shown, now: now)
    }

    @Test func anEmptyListHasNoReasonsAndNoAge() {
        #expect(totals(all: 0, [], shown: 0) == "0 messages")
        #expect(totals(all: 3, [], shown: 0) == "0 messages; 3 in total")
    }

    @Test func oneMessageIsCountedInTheSingular() {
        #expect(totals(all: 1, [letter("lock_held", age: 90)], shown: 1) == "1 message; 1 lock_held; oldest 1m30s")
    }

    @Test func aLimitedListSaysHowManyMatch() {
        let letters = [letter("lock_held", age: 90), letter(nil, age: 3600), letter("lock_held", age: 5)]
        #expect(
            totals(all: 5, letters, shown: 2)
                == "2 of 3 messages; 5 in total; 2 lock_held, 1 without a reason; oldest 1h")
    }
}
