import Testing

@testable import ClaimAPI

@Suite struct AdmissionWindowTests {
    private let start = ContinuousClock.now
    private var window: AdmissionWindow

    init() {
        window = AdmissionWindow(maximum: 2000, target: .milliseconds(300), now: start)
    }

    private func at(_ windows: Int) -> ContinuousClock.Instant { start + AdmissionWindow.length * windows }

    /// Ends `count` windows with the same load.
    private mutating func load(finished: Int, refused: Int, windows count: Int, from first: Int = 1) {
        for number in first..<(first + count) {
            window.close(finished: finished, refused: refused, now: at(number))
        }
    }

    @Test func theLimitBeginsAtItsMaximum() {
        #expect(window.limit == 2000)
    }

    @Test mutating func underOverloadTheLimitIsTheRateTimesTheTarget() {
        load(finished: 500, refused: 100, windows: 20)
        // 5,000 a second for 300 ms.
        #expect((1499...1501).contains(window.limit))
    }

    @Test mutating func oneWindowWithRefusalsChangesNothing() {
        load(finished: 1, refused: 100, windows: 1)
        #expect(window.limit == 2000)
    }

    @Test mutating func withoutRefusalsTheRateSaysNothing() {
        load(finished: 3, refused: 0, windows: 100)
        #expect(window.limit == 2000)
    }

    @Test mutating func aSlowerBrokerLowersTheLimitAndAFasterOneRaisesIt() {
        load(finished: 500, refused: 1, windows: 20)
        load(finished: 100, refused: 1, windows: 20, from: 21)
        #expect((299...301).contains(window.limit))
        load(finished: 600, refused: 1, windows: 20, from: 41)
        #expect((1799...1801).contains(window.limit))
    }

    @Test mutating func withoutConfirmsTheMinimumIsLeft() {
        load(finished: 0, refused: 1000, windows: 50)
        #expect(window.limit == AdmissionWindow.minimum)
    }

    @Test mutating func theLimitGrowsBackWhenNothingIsRefused() {
        load(finished: 0, refused: 1000, windows: 50)
        load(finished: 10, refused: 0, windows: 30, from: 51)
        #expect(window.limit == 2000)
    }

    @Test mutating func aLongWindowCountsAsOneWithoutLoad() {
        load(finished: 0, refused: 1000, windows: 50)
        let low = window.limit
        window.close(finished: 10, refused: 1, now: at(150))
        #expect(window.limit > low)
    }

    @Test func aSmallMaximumIsKept() {
        var window = AdmissionWindow(maximum: 5, target: .seconds(1), now: start)
        for number in 1...20 { window.close(finished: 1000, refused: 1, now: at(number)) }
        #expect(window.limit == 5)
        for number in 21...40 { window.close(finished: 0, refused: 1, now: at(number)) }
        #expect(window.limit == 5)
    }
}
