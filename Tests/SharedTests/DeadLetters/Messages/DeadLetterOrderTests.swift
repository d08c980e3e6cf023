import Broker
import OrderedCollections
import RuntimeSupport
import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct DeadLetterOrderTests {
    private func letter(
        _ number: Int = 1, died: Int64? = 0, sequence: Int64 = 0, trace: String = ""
    ) -> DeadLetter {
        .made(
            number, died: died.map { Timestamp(milliseconds: DeadLetter.end.milliseconds + $0) },
            headers: ["sequence": .int64(sequence), "trace": .string(trace)])
    }

    private func sorted(_ letters: [DeadLetter]) -> [String] {
        letters.sorted(by: DeadLetter.diedBefore).map(\.message.fingerprint)
    }

    @Test func theEarlierDeathComesFirst() {
        let (early, late) = (letter(2, died: -1, sequence: 9), letter(1, died: 0, sequence: 1))
        #expect(DeadLetter.diedBefore(early, late))
        #expect(!DeadLetter.diedBefore(late, early))
    }

    @Test func timesBefore1970AndNegativeSequencesAreOrdered() {
        let keys = [(-2_000_000_000_000, -1), (-2_000_000_000_000, 1), (0, -1), (0, 0)].map { died, sequence in
            letter(died: Int64(died), sequence: Int64(sequence)).sortKey
        }
        #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test func anUnknownTimeOfDeathComesFirst() {
        let (unknown, old) = (letter(2, died: nil, sequence: 9), letter(1, died: -1_700_000_000_000))
        #expect(DeadLetter.diedBefore(unknown, old))
        #expect(!DeadLetter.diedBefore(old, unknown))
    }

    @Test func atTheSameTimeOfDeathTheFirstPublishedComesFirst() {
        #expect(DeadLetter.diedBefore(letter(2, sequence: 1), letter(1, sequence: 2)))
        #expect(!DeadLetter.diedBefore(letter(1, sequence: 2), letter(2, sequence: 1)))
    }

    @Test func atTheSameTimeAndSequenceTheIDDecides() {
        #expect(DeadLetter.diedBefore(letter(1), letter(2)))
        #expect(!DeadLetter.diedBefore(letter(2), letter(1)))
    }

    @Test func twoMessagesOfOneClaimAreOrdered() {
        let (one, other) = (letter(trace: "a"), letter(trace: "b"))
        #expect(DeadLetter.diedBefore(one, other) != DeadLetter.diedBefore(other, one))
    }

    @Test func identicalMessagesAreNotOrdered() {
        #expect(!DeadLetter.diedBefore(letter(), letter()))
    }

    @Test(arguments: 0..<20) func theOrderDoesNotDependOnTheInitialOrder(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        var letters = (0..<80).map { _ in
            letter(
                Int.random(in: 1...4, using: &random),
                died: random.oneIn(4) ? nil : Int64.random(in: 0...2, using: &random),
                sequence: Int64.random(in: 0...2, using: &random), trace: random.oneIn(2) ? "a" : "b")
        }
        let first = sorted(letters)
        letters.shuffle(using: &random)
        #expect(sorted(letters) == first)
        letters.reverse()
        #expect(sorted(letters) == first)
    }

    @Test func anyTwoDifferentMessagesAreOrdered() {
        var random = SeededGenerator(seed: 5)
        let letters = (0..<30).map { _ in
            letter(
                Int.random(in: 1...3, using: &random), died: random.oneIn(3) ? nil : 0,
                sequence: Int64.random(in: 0...1, using: &random), trace: random.oneIn(2) ? "a" : "b")
        }
        for left in letters {
            for right in letters {
                let areAlike = left.message.fingerprint == right.message.fingerprint
                let isOrdered = DeadLetter.diedBefore(left, right) != DeadLetter.diedBefore(right, left)
                #expect(isOrdered != areAlike)
                #expect(DeadLetter.diedBefore(left, right) == left.sortKey.lexicographicallyPrecedes(right.sortKey))
                #expect(left.sortKey.starts(with: left.sortPrefix))
            }
        }
    }
}
