import Testing

@testable import ClaimAPI

@Suite struct AdmissionWindowTests {
    private let start = ContinuousClock.now
    private var window: AdmissionWindow
    private var windows = 0

    init() {
        window = AdmissionWindow(maximum: 2000, target: .milliseconds(300), now: start)
    }

    /// Ends windows with the same load.
    private mutating func load(finished: Int, inProgress: Int, windows count: Int = 50) {
        for _ in 0..<count {
            windows += 1
            window.close(
                finished: finished, inProgress: inProgress, now: start + AdmissionWindow.length * windows)
        }
    }

    @Test func atFirstABurstIsAllowed() {
        #expect(window.limit == AdmissionWindow.burst)
    }

    @Test mutating func ifTooManyAreInProgressTheLimitFollowsTheRate() {
        load(finished: 200, inProgress: 900)
        // 2,000 a second for 300 ms.
        #expect((600...601).contains(window.limit))
    }

    @Test mutating func oneWindowChangesNothing() {
        load(finished: 1, inProgress: 900, windows: 1)
        #expect(window.limit == AdmissionWindow.burst)
    }

    @Test mutating func aFewRequestsThatFinishInTimeChangeNothing() {
        load(finished: 3, inProgress: 2)
        #expect(window.limit == AdmissionWindow.burst)
    }

    @Test mutating func underLoadThatIsAnsweredInTimeTheLimitGrowsToItsMaximum() {
        load(finished: 1000, inProgress: 1800)
        #expect(window.limit == 2000)
    }

    @Test mutating func aSlowerBrokerLowersTheLimitAndAFasterOneRaisesIt() {
        load(finished: 100, inProgress: 900)
        #expect((300...301).contains(window.limit))
        load(finished: 600, inProgress: 300)
        #expect(window.limit >= 600)
    }

    @Test mutating func withoutConfirmsTheMinimumIsLeft() {
        load(finished: 0, inProgress: 1000)
        #expect(window.limit == AdmissionWindow.minimum)
    }

    @Test mutating func theLimitGrowsBackAfterAnOutage() {
        load(finished: 0, inProgress: 1000)
        load(finished: 10, inProgress: 1)
        #expect(window.limit == AdmissionWindow.burst)
    }

    @Test mutating func aLongWindowIsOneWithoutLoad() {
        load(finished: 0, inProgress: 1000)
        let low = window.limit
        window.close(finished: 0, inProgress: 1000, now: start + AdmissionWindow.length * 1000)
        #expect(window.limit > low)
    }

    @Test func aSmallMaximumIsKept() {
        var window = AdmissionWindow(maximum: 5, target: .seconds(1), now: start)
        #expect(window.limit == 5)
        for number in 1...20 {
            window.close(finished: 1000, inProgress: 5, now: start + AdmissionWindow.length * number)
        }
        #expect(window.limit == 5)
        for number in 21...40 {
            window.close(finished: 0, inProgress: 6, now: start + AdmissionWindow.length * number)
        }
        #expect(window.limit == 5)
    }
}
