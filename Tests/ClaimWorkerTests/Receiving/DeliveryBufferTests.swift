import Claims
import SeededRandom
import Testing

@testable import ClaimWorker

@Suite struct DeliveryBufferTests {
    private let start = ContinuousClock.now
    private var later: ContinuousClock.Instant { start + DeliveryBuffer.gatheringTime }

    private func tags(_ jobs: [Job]) -> [UInt64] { jobs.map(\.tag) }

    @Test func newJobsAreTakenInTheOrderOfTheirArrival() {
        var buffer = DeliveryBuffer()
        for tag in 1...3 { buffer.receive(.made(UInt64(tag), sequence: Int64(10 - tag)), now: start) }
        #expect(tags(buffer.take(atMost: 2)) == [1, 2])
        #expect(tags(buffer.take(atMost: 2)) == [3])
        #expect(tags(buffer.take(atMost: 2)) == [])
    }

    @Test func nothingIsTakenWhileReturnedJobsAreGathered() {
        var buffer = DeliveryBuffer()
        buffer.receive(.made(1, sequence: 1, returns: 1), now: start)
        #expect(buffer.take(atMost: 10).isEmpty)
        #expect(buffer.gatheringEnd == later)
    }

    @Test func theGatheringEndsWhenNoMoreJobsReturn() {
        var buffer = DeliveryBuffer()
        buffer.receive(.made(1, sequence: 1, returns: 1), now: start)
        buffer.sortReturned(now: later - .milliseconds(1))
        #expect(buffer.take(atMost: 10).isEmpty)
        buffer.sortReturned(now: later)
        #expect(buffer.gatheringEnd == nil)
        #expect(tags(buffer.take(atMost: 10)) == [1])
    }

    @Test func eachReturnedJobExtendsTheGathering() {
        var buffer = DeliveryBuffer()
        buffer.receive(.made(1, sequence: 1, returns: 1), now: start)
        buffer.receive(.made(2, sequence: 2, returns: 1), now: start + .milliseconds(40))
        buffer.sortReturned(now: later)
        #expect(buffer.take(atMost: 10).isEmpty)
        #expect(buffer.gatheringEnd == later + .milliseconds(40))
    }

    @Test func aNewJobEndsTheGatheringAndFollowsTheReturnedJobs() {
        var buffer = DeliveryBuffer()
        buffer.receive(.made(1, sequence: 20, returns: 1), now: start)
        buffer.receive(.made(2, sequence: 10, returns: 1), now: start)
        buffer.receive(.made(3, sequence: 30), now: start)
        #expect(tags(buffer.take(atMost: 10)) == [2, 1, 3])
    }

    @Test(arguments: 0..<20) func returnedJobsAreSortedByTheOrderOfPublishing(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        let sequences = (1...300).map(Int64.init).shuffled(using: &random)
        var buffer = DeliveryBuffer()
        for (index, sequence) in sequences.enumerated() {
            buffer.receive(.made(UInt64(index + 1), sequence: sequence, returns: 1), now: start)
        }
        buffer.sortReturned(now: later)
        #expect(buffer.take(atMost: 1000).compactMap(\.headers.sequence) == (1...300).map(Int64.init))
    }

    @Test func returnedJobsWithoutASequenceNumberKeepTheirOrder() {
        var buffer = DeliveryBuffer()
        for tag in 1...50 { buffer.receive(.made(UInt64(tag), returns: 1), now: start) }
        buffer.sortReturned(now: later)
        #expect(tags(buffer.take(atMost: 100)) == Array(1...50))
    }

    @Test func jobsThatWerePutBackAreTakenFirst() {
        var buffer = DeliveryBuffer()
        for tag in 1...4 { buffer.receive(.made(UInt64(tag)), now: start) }
        let taken = buffer.take(atMost: 2)
        buffer.putBack(taken)
        #expect(tags(buffer.take(atMost: 10)) == [1, 2, 3, 4])
    }

    @Test func aJobThatReturnedOftenIsSuspicious() {
        var buffer = DeliveryBuffer()
        buffer.receive(.made(1, returns: PoisonMessageDetector.suspiciousReturns - 1), now: start)
        buffer.sortReturned(now: later)
        #expect(!buffer.isSuspicious(within: 10))
        buffer.receive(.made(2, returns: PoisonMessageDetector.suspiciousReturns), now: start)
        buffer.sortReturned(now: later)
        #expect(!buffer.isSuspicious(within: 1))
        #expect(buffer.isSuspicious(within: 2))
    }
}
