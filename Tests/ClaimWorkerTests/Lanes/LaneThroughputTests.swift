import Testing

@testable import ClaimWorker

@Suite struct LaneThroughputTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func itIsZeroBeforeTheFirstBatch() {
        #expect(LaneThroughput().perSecond == 0)
    }

    @Test func itIsTheNumberOfClaimsPerSecondOfWork() {
        var throughput = LaneThroughput()
        throughput.decided(100, from: at(0), to: at(0.5))
        throughput.decided(300, from: at(0.5), to: at(1))
        #expect(abs(throughput.perSecond - 400) < 1)
    }

    @Test func idleTimeDoesNotCount() {
        var throughput = LaneThroughput()
        throughput.decided(1, from: at(0), to: at(0.01))
        throughput.decided(1, from: at(9), to: at(9.01))
        #expect(abs(throughput.perSecond - 100) < 1)
    }

    @Test func oldBatchesDoNotCount() {
        var throughput = LaneThroughput()
        throughput.decided(1000, from: at(0), to: at(1))
        throughput.decided(10, from: at(11), to: at(12))
        #expect(abs(throughput.perSecond - 10) < 0.1)
    }

    @Test func anEmptyBatchDoesNotCount() {
        var throughput = LaneThroughput()
        throughput.decided(100, from: at(0), to: at(1))
        throughput.decided(0, from: at(1), to: at(2))
        #expect(abs(throughput.perSecond - 100) < 0.1)
    }
}
