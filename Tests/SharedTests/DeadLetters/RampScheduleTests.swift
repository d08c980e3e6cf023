import Testing

@testable import claimctl

@Suite struct RampScheduleTests {
    @Test func eachStepIsMuchGreaterThanTheOneBefore() {
        #expect(Array(RampSchedule().prefix(5)) == [1, 5, 50, 500, 5000])
    }

    @Test func stepsStayWithinAMillion() {
        #expect(Array(RampSchedule().prefix(20)).max() == 1_000_000)
    }

    @Test(arguments: [(0, 0, 1, false), (1, 0, 1, true), (0, 1, 1, true), (5, 0, 50, false), (6, 0, 50, true)])
    func moreThanATenthThatFailsStopsIt(failed: Int, undecided: Int, size: Int, stops: Bool) {
        #expect(RampSchedule.stops(afterFailed: failed, undecided: undecided, of: size) == stops)
    }
}
