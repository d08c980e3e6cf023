import Testing

@testable import DeadLetters

@Suite struct RampScheduleTests {
    @Test func stepsGrowFromOneMessageTenfold() {
        #expect(Array(RampSchedule().prefix(5)) == [1, 5, 50, 500, 5000])
    }

    @Test func stepsAreLimitedToAMillion() {
        #expect(Array(RampSchedule().prefix(20)).max() == 1_000_000)
    }

    @Test(arguments: [(0, 0, 1, false), (1, 0, 1, true), (0, 1, 1, true), (5, 0, 50, false), (6, 0, 50, true)])
    func aRampStopsIfMoreThanATenthOfAStepFails(failed: Int, undecided: Int, size: Int, stops: Bool) {
        #expect(RampSchedule.stops(afterFailed: failed, undecided: undecided, of: size) == stops)
    }
}
