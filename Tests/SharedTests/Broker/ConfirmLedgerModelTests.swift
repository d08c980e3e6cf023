import Broker
import SeededRandom
import Testing

/// Compares the ledger with a simple model, a list of all messages, over random histories.
@Suite struct ConfirmLedgerModelTests {
    private struct Model {
        struct Message {
            var id: Int
            var deadline: ContinuousClock.Instant
            var isOpen = true
            var wasReturned = false
        }
        /// All messages that have been published on the channel, in the order of their tags.
        var messages: [Message] = []

        mutating func returned(_ id: Int) {
            guard let index = messages.firstIndex(where: { $0.isOpen && !$0.wasReturned && $0.id == id }) else {
                return
            }
            messages[index].wasReturned = true
        }

        mutating func resolve(
            tag: Int, multiple: Bool, confirmed: Bool
        ) -> [(waiter: Int, outcome: PublishOutcome)] {
            guard messages.indices.contains(tag - 1) else { return [] }
            return (multiple ? 1...tag : tag...tag).compactMap { tag in
                guard messages[tag - 1].isOpen else { return nil }
                messages[tag - 1].isOpen = false
                return (tag, confirmed ? messages[tag - 1].wasReturned ? .unroutable : .confirmed : .refused)
            }
        }

        mutating func reset() -> [Int] {
            defer { messages = [] }
            return messages.indices.filter { messages[$0].isOpen }.map { $0 + 1 }
        }
    }

    @Test(arguments: 0..<100) func theLedgerAgreesWithTheModel(_ seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        var ledger = ConfirmLedger<Int>()
        var model = Model()
        var now = ContinuousClock.now

        for step in 0..<400 {
            now += .milliseconds(Int.random(in: 0...3, using: &random))
            let tag = Int.random(in: 0...model.messages.count + 1, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                let id = Int.random(in: 0..<5, using: &random)
                let deadline = now + .milliseconds(100)
                model.messages.append(Model.Message(id: id, deadline: deadline))
                let given = ledger.publish(
                    PublishLabel(messageID: "\(id)", sequence: nil), deadline: deadline, waiter: model.messages.count)
                try #require(given == UInt64(model.messages.count), "step \(step)")
            case 8..<11:
                let id = Int.random(in: 0..<6, using: &random)
                model.returned(id)
                ledger.returned(PublishLabel(messageID: "\(id)", sequence: nil))
            case 11..<18:
                let (multiple, confirmed) = (random.oneIn(6), !random.oneIn(4))
                let expected = model.resolve(tag: tag, multiple: multiple, confirmed: confirmed)
                let resolved = ledger.resolve(tag: UInt64(tag), multiple: multiple, confirmed: confirmed)
                try #require(resolved.map(\.waiter) == expected.map(\.waiter), "step \(step)")
                try #require(resolved.map(\.outcome) == expected.map(\.outcome), "step \(step)")
            case 18:
                let deadline = now + .milliseconds(200)
                ledger.extendDeadlines(to: deadline)
                for index in model.messages.indices { model.messages[index].deadline = deadline }
            default:
                if random.oneIn(5) { try #require(ledger.reset() == model.reset(), "step \(step)") }
            }
            let isEmpty = !model.messages.contains { $0.isOpen }
            try #require((ledger.count == 0) == isEmpty, "step \(step)")
            try #require(ledger.firstDeadline == model.messages.first { $0.isOpen }?.deadline, "step \(step)")
        }
    }
}
