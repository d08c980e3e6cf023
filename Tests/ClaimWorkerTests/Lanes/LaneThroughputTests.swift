import Testing

@testable import ClaimWorker

@Suite struct LaneThroughputTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func beforeTheFirstTurnThereIsNone() {
        #expect(LaneThroughput().perSecond == 0)
    }

    @Test func itIsTheClaimsInTheTimeThatTheyTook() {
        var pace = LaneThroughput()
        pace.decided(100, from: at(0), to: at(0.5))
        pace.decided(300, from: at(0.5), to: at(1))
        #expect(abs(pace.perSecond - 400) < 1)
    }

    @Test func idleTimeDoesNotCount() {
        var pace = LaneThroughput()
        pace.decided(1, from: at(0), to: at(0.01))
        pace.decided(1, from: at(9), to: at(9.01))
        #expect(abs(pace.perSecond - 100) < 1)
    }

    @Test func whatIsLongAgoIsForgotten() {
        var pace = LaneThroughput()
        pace.decided(1000, from: at(0), to: at(1))
        pace.decided(10, from: at(11), to: at(12))
        #expect(abs(pace.perSecond - 10) < 0.1)
    }
}
