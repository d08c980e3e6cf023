import SeededRandom
import Testing

@testable import ClaimWorker

@Suite struct DeliveryBufferTests {
    private let start = ContinuousClock.now
    private var later: ContinuousClock.Instant { start + DeliveryBuffer.gatheringTime }

    private func tags(_ jobs: [Job]) -> [UInt64] { jobs.map(\.tag) }

    @Test func newClaimsAreHandedOutAsTheyCame() {
        var intake = DeliveryBuffer()
        for tag in 1...3 { intake.receive(.made(UInt64(tag), sequence: Int64(10 - tag)), now: start) }
        #expect(tags(intake.take(atMost: 2)) == [1, 2])
        #expect(tags(intake.take(atMost: 2)) == [3])
        #expect(tags(intake.take(atMost: 2)) == [])
    }

    @Test func returnedClaimsAreGatheredBeforeAnythingIsHandedOut() {
        var intake = DeliveryBuffer()
        intake.receive(.made(1, sequence: 1, returns: 1), now: start)
        #expect(intake.take(atMost: 10).isEmpty)
        #expect(intake.gatheringEnd == later)
    }

    @Test func aMomentOfSilenceEndsTheGathering() {
        var intake = DeliveryBuffer()
        intake.receive(.made(1, sequence: 1, returns: 1), now: start)
        intake.sortReturned(now: later - .milliseconds(1))
        #expect(intake.take(atMost: 10).isEmpty)
        intake.sortReturned(now: later)
        #expect(intake.gatheringEnd == nil)
        #expect(tags(intake.take(atMost: 10)) == [1])
    }

    @Test func eachReturnedClaimProlongsTheGathering() {
        var intake = DeliveryBuffer()
        intake.receive(.made(1, sequence: 1, returns: 1), now: start)
        intake.receive(.made(2, sequence: 2, returns: 1), now: start + .milliseconds(40))
        intake.sortReturned(now: later)
        #expect(intake.take(atMost: 10).isEmpty)
        #expect(intake.gatheringEnd == later + .milliseconds(40))
    }

    @Test func aNewClaimEndsTheGatheringAndStandsBehindTheReturned() {
        var intake = DeliveryBuffer()
        intake.receive(.made(1, sequence: 20, returns: 1), now: start)
        intake.receive(.made(2, sequence: 10, returns: 1), now: start)
        intake.receive(.made(3, sequence: 30), now: start)
        #expect(tags(intake.take(atMost: 10)) == [2, 1, 3])
    }

    @Test(arguments: 0..<20) func returnedClaimsStandAgainInTheOrderOfTheirPublishing(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        let sequences = (1...300).map(Int64.init).shuffled(using: &random)
        var intake = DeliveryBuffer()
        for (index, sequence) in sequences.enumerated() {
            intake.receive(.made(UInt64(index + 1), sequence: sequence, returns: 1), now: start)
        }
        intake.sortReturned(now: later)
        #expect(intake.take(atMost: 1000).compactMap(\.headers.sequence) == (1...300).map(Int64.init))
    }

    @Test func returnedClaimsOfOneNumberStandAsTheyCame() {
        var intake = DeliveryBuffer()
        for tag in 1...50 { intake.receive(.made(UInt64(tag), returns: 1), now: start) }
        intake.sortReturned(now: later)
        #expect(tags(intake.take(atMost: 100)) == Array(1...50))
    }

    @Test func whatIsPutBackIsHandedOutFirst() {
        var intake = DeliveryBuffer()
        for tag in 1...4 { intake.receive(.made(UInt64(tag)), now: start) }
        let taken = intake.take(atMost: 2)
        intake.putBack(taken)
        #expect(tags(intake.take(atMost: 10)) == [1, 2, 3, 4])
    }

    @Test func aClaimThatCameBackOftenIsSuspicious() {
        var intake = DeliveryBuffer()
        intake.receive(.made(1, returns: PoisonMessageDetector.suspiciousReturns - 1), now: start)
        intake.sortReturned(now: later)
        #expect(!intake.isSuspicious(within: 10))
        intake.receive(.made(2, returns: PoisonMessageDetector.suspiciousReturns), now: start)
        intake.sortReturned(now: later)
        #expect(!intake.isSuspicious(within: 1))
        #expect(intake.isSuspicious(within: 2))
    }
}
