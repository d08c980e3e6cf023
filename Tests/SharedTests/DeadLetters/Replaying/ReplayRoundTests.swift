import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct ReplayRoundTests {
    private func died(_ milliseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: DeadLetter.end.milliseconds + milliseconds)
    }

    /// Returns the tags of the messages that are sent, each with those of the older ones. A message's tag is its index.
    private func merged(_ letters: [DeadLetter]) throws -> [[UInt64]] {
        let entries = letters.enumerated().map { index, letter in
            DeadLetterQueue.Entry(
                letter: letter, handle: DeadLetterQueue.Handle(connection: 0, channel: 1, tag: UInt64(index)))
        }
        var round = try ReplayRound(entries)
        #expect(round.count == letters.count)
        var items: [[UInt64]] = []
        while case let batch = try round.next(2), !batch.isEmpty { items += batch.map { $0.handles.map(\.tag) } }
        return items
    }

    @Test func messagesAreSentInTheOrderOfDeath() throws {
        #expect(
            try merged([.made(1, died: died(2)), .made(2, died: died(1)), .made(3, died: nil)]) == [[2], [1], [0]])
    }

    @Test func onlyTheNewestMessageOfAClaimIsSent() throws {
        let letters: [DeadLetter] = [
            .made(1, died: died(3)), .made(2, died: died(2)), .made(1, died: died(1)), .made(1, died: died(4)),
        ]
        #expect(try merged(letters) == [[1], [2, 0, 3]])
    }

    @Test(arguments: [-1, 1] as [Int64]) func aClaimAndItsCancelAreBothSent(_ milliseconds: Int64) throws {
        let items = try merged([.made(1, died: died(0)), .cancel(1, died: died(milliseconds))])
        #expect(items == (milliseconds < 0 ? [[1], [0]] : [[0], [1]]))
    }

    @Test func cancelsOfTheSameClaimAreMerged() throws {
        #expect(try merged([.cancel(1, died: died(0)), .cancel(1, died: died(1))]) == [[0, 1]])
    }

    @Test func aMessageThatCannotBeReadReplacesNoOther() throws {
        let id = ClaimMessage.made(1).id.description
        let newer: AMQPTable = ["died_at": .string(died(1).description)]
        #expect(try merged([.made(1, died: died(0)), .stray("odd", messageID: id, headers: newer)]) == [[0], [1]])
    }

    @Test func messagesWithoutAClaimIDAreAllSent() throws {
        #expect(try merged([.stray("a"), .stray("b"), .stray("b")]).count == 3)
    }
}
