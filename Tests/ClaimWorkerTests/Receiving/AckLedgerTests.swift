import SeededRandom
import Testing

@testable import ClaimWorker

@Suite struct AckLedgerTests {
    private typealias Ack = AckLedger.Ack

    /// A ledger with this number of deliveries.
    private func ledger(delivered count: UInt64) -> AckLedger {
        var ledger = AckLedger()
        for tag in 0..<count { ledger.delivered(tag + 1) }
        return ledger
    }

    private func parts(_ tag: UInt64, _ indices: Int...) -> [AckLedger.Part] {
        indices.map { AckLedger.Part(tag: tag, index: $0) }
    }

    @Test func aDeliveryIsAcknowledgedWhenAllItsPartsAreFinished() {
        var ledger = AckLedger()
        ledger.delivered(1, parts: 3)
        ledger.delivered(2, parts: 2)
        #expect(ledger.count == 5)
        #expect(ledger.finish(parts(1, 2, 0)).isEmpty)
        #expect(ledger.finish(parts(2, 0, 1)) == [Ack(tag: 2, multiple: false)])
        #expect(ledger.count == 1)
        #expect(ledger.finish(parts(1, 1)) == [Ack(tag: 1, multiple: true)])
        #expect(ledger.count == 0)
    }

    @Test func aPartThatIsFinishedTwiceCountsOnce() {
        var ledger = AckLedger()
        ledger.delivered(1, parts: 2)
        #expect(ledger.finish(parts(1, 0, 0)).isEmpty)
        #expect(ledger.finish(parts(1, 0)).isEmpty)
        #expect(ledger.count == 1)
        #expect(ledger.finish(parts(1, 1)) == [Ack(tag: 1, multiple: true)])
    }

    @Test func everythingUpToTheFirstGapIsOneAcknowledgement() {
        var ledger = ledger(delivered: 5)
        #expect(ledger.acknowledge([3, 1, 2]) == [Ack(tag: 3, multiple: true)])
        #expect(ledger.count == 2)
    }

    @Test func deliveriesBeyondAGapAreAcknowledgedSingly() {
        var ledger = ledger(delivered: 5)
        #expect(ledger.acknowledge([1, 5, 3]) == [1, 3, 5].map { Ack(tag: $0, multiple: $0 == 1) })
    }

    @Test func aClosedGapIsAcknowledgedUpToItsLastTag() {
        var ledger = ledger(delivered: 3)
        #expect(ledger.acknowledge([2, 3]) == [Ack(tag: 2, multiple: false), Ack(tag: 3, multiple: false)])
        #expect(ledger.acknowledge([1]) == [Ack(tag: 1, multiple: true)])
        #expect(ledger.count == 0)
    }

    @Test func noDeliveryIsAcknowledgedTwice() {
        var ledger = ledger(delivered: 3)
        #expect(ledger.acknowledge([2, 2]) == [Ack(tag: 2, multiple: false)])
        #expect(ledger.acknowledge([2]).isEmpty)
        #expect(ledger.acknowledge([1]) == [Ack(tag: 1, multiple: true)])
        #expect(ledger.acknowledge([1, 2]).isEmpty)
    }

    @Test func unknownTagsAreNotAcknowledged() {
        var ledger = ledger(delivered: 2)
        #expect(ledger.acknowledge([0, 3, .max]).isEmpty)
        #expect(ledger.acknowledge([]).isEmpty)
        #expect(ledger.count == 2)
    }

    @Test func laterDeliveriesAreAcknowledgedToo() {
        var ledger = ledger(delivered: 2)
        _ = ledger.acknowledge([1, 2])
        ledger.delivered(3)
        #expect(ledger.acknowledge([3]) == [Ack(tag: 3, multiple: true)])
    }

    /// The broker's side of a channel: the unacknowledged deliveries, and those that may be acknowledged.
    private struct Channel {
        var unacknowledged: Set<UInt64> = []
        var finished: Set<UInt64> = []

        /// Applies an acknowledgement.
        ///
        /// - Returns: why the broker would refuse it; nil if it accepts it.
        mutating func take(_ ack: Ack) -> String? {
            // The broker closes the channel for a tag that is unknown or was acknowledged before.
            guard unacknowledged.contains(ack.tag) else { return "\(ack) is unknown" }
            let covered: Set<UInt64> = ack.multiple ? unacknowledged.filter { $0 <= ack.tag } : [ack.tag]
            guard covered.isSubset(of: finished) else { return "\(ack) covers \(covered.subtracting(finished))" }
            unacknowledged.subtract(covered)
            return nil
        }
    }

    @Test(arguments: 0..<100) func everyDeliveryIsAcknowledgedOnceAndNotBeforeItIsFinished(_ seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        var (ledger, channel) = (AckLedger(), Channel())
        var (last, open): (UInt64, [UInt64]) = (0, [])
        func acknowledge(_ tags: [UInt64]) throws {
            channel.finished.formUnion(tags)
            for ack in ledger.acknowledge(tags) {
                let refusal = channel.take(ack)
                try #require(refusal == nil)
            }
            try #require(channel.unacknowledged == Set(open), "a finished job is acknowledged at once")
        }
        for _ in 0..<300 {
            if random.oneIn(2) {
                for _ in 0..<Int.random(in: 1...10, using: &random) {
                    last += 1
                    ledger.delivered(last)
                    channel.unacknowledged.insert(last)
                    open.append(last)
                }
            } else {
                // Most finish in order, some late.
                if !random.oneIn(3) { open.shuffle(using: &random) }
                let count = Int.random(in: 0...open.count, using: &random)
                let finished = Array(open.prefix(count))
                open.removeFirst(count)
                try acknowledge(finished + (finished.first.map { [$0] } ?? []))
            }
        }
        let rest = open
        open = []
        try acknowledge(rest)
        try #require(channel.unacknowledged.isEmpty)
        try #require(ledger.count == 0)
    }

    @Test func aWholeBatchNeedsOneAcknowledgement() {
        var ledger = ledger(delivered: 500)
        #expect(ledger.acknowledge(Array(1...500)).count == 1)
    }
}

extension AckLedger {
    /// Finishes deliveries of one part.
    fileprivate mutating func acknowledge(_ tags: [UInt64]) -> [Ack] {
        finish(tags.map { Part(tag: $0, index: 0) })
    }
}
