import Broker
import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct SortedEntriesTests {
    @Test(arguments: 0..<20) func entriesComeBackCompleteInTheOrderOfDeath(seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        var sorted = SortedEntries()
        var added: [DeadLetterQueue.Entry] = []
        for _ in 0..<50 {
            let handle = DeadLetterQueue.Handle(
                connection: .random(in: 0...(.max), using: &random), channel: .random(in: 0...(.max), using: &random),
                tag: random.next())
            added.append(.init(letter: DeadLetter(.random(using: &random)), handle: handle))
            try sorted.add(added[added.count - 1])
        }
        let read = try sorted.next(30) + sorted.next(30)
        added.sort { DeadLetter.diedBefore($0.letter, $1.letter) }
        #expect(read.map(\.handle) == added.map(\.handle))
        #expect(read.map(\.letter.message.fingerprint) == added.map(\.letter.message.fingerprint))
        #expect(try sorted.next() == nil)
    }
}
