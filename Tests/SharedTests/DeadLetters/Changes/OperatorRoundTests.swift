import Testing

@testable import DeadLetters

@Suite struct OperatorRoundTests {
    @Test(arguments: [(0, 20_000), (20_000, 20_000), (90_000, 30_000), (3_000_000, 1_000_000)])
    func aRoundIsAThirdOfTheQueueAtLeast(depth: Int, size: Int) {
        #expect(OperatorRound.size(depth: depth) == size)
    }

    @Test(arguments: [(0.01, 100, 1), (100, 100, 200), (100, 1_000_000, 100_000)] as [(Double, Int, Int)])
    func aSlowChangeHoldsTheQueueForTenTimesTheTimeOfReading(rate: Double, depth: Int, size: Int) {
        #expect(OperatorRound.size(depth: depth, rate: rate) == size)
    }
}
