import SeededRandom
import Testing

@testable import claimbench

@Suite struct ArrivalScheduleTests {
    @Test func requestsAreDueAtEqualDistances() {
        let schedule = ArrivalSchedule(rate: 1000, duration: nil, count: 5)
        #expect((0..<5).map(schedule.time) == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000])
        #expect([0, 999_999, 1_000_000, 3_999_999, 4_000_000].map(schedule.due) == [1, 1, 2, 4, 5])
    }

    @Test func nothingIsDueBeforeTheStart() {
        #expect(ArrivalSchedule(rate: 1000, duration: nil, count: 5).due(by: -1) == 0)
    }

    @Test func aDurationEndsTheScheduleBeforeItsLastMoment() {
        // At 10 per second, the requests of one second are due at 0, 100 … 900 ms.
        #expect(ArrivalSchedule(rate: 10, duration: 1_000_000_000, count: nil).total == 10)
        #expect(ArrivalSchedule(rate: 10, duration: 1_000_000_001, count: nil).total == 11)
    }

    @Test func theSmallerOfDurationAndCountEndsTheSchedule() {
        #expect(ArrivalSchedule(rate: 10, duration: 1_000_000_000, count: 3).total == 3)
        #expect(ArrivalSchedule(rate: 10, duration: 1_000_000_000, count: 30).total == 10)
    }

    @Test func moreThanTheTotalIsNeverDue() {
        #expect(ArrivalSchedule(rate: 10, duration: nil, count: 3).due(by: 3_600_000_000_000) == 3)
    }

    @Test func aRequestIsDueFromItsTimeOnAndNotBefore() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<10_000 {
            let schedule = ArrivalSchedule(
                rate: .random(in: 0.01...1_000_000, using: &random), duration: nil, count: nil)
            let index = Int.random(in: 0..<10_000_000, using: &random)
            let time = schedule.time(of: index)
            #expect(schedule.due(by: time) > index, "\(schedule.rate), \(index)")
            #expect(schedule.due(by: time - 1) <= index, "\(schedule.rate), \(index)")
        }
    }
}
