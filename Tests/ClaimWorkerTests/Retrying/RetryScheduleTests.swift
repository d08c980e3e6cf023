import Testing

@testable import ClaimWorker

@Suite struct RetryScheduleTests {
    @Test(arguments: [
        ("500,5000,30000", [500, 5000, 30000]), ("500, 5000 , 30000", [500, 5000, 30000]), ("1", [1]),
        ("86400000", [86_400_000]), ("1,1,1,1,1,1,1,1,1,1", Array(repeating: 1, count: 10)),
    ])
    func delaysAreParsedInTheirOrder(_ text: String, _ delays: [Int]) {
        #expect(RetrySchedule(text)?.delays == delays)
    }

    @Test(arguments: [
        "", ",", "500,", ",500", "500,,500", "0", "-1", "1.5", "5s", "five", "86400001", "500;500", "1 000", "5 00,1",
        "1,1,1,1,1,1,1,1,1,1,1", "99999999999999999999",
    ])
    func anInvalidListIsRefused(_ text: String) {
        #expect(RetrySchedule(text) == nil)
    }

    @Test func eachFailedAttemptUsesTheNextDelayQueue() throws {
        let schedule = try #require(RetrySchedule("500,5000,30000"))
        #expect(schedule.step(afterAttempts: 1) == .retry(queue: 0, delay: 500))
        #expect(schedule.step(afterAttempts: 2) == .retry(queue: 1, delay: 5000))
        #expect(schedule.step(afterAttempts: 3) == .retry(queue: 2, delay: 30000))
    }

    @Test func aClaimIsDeadLetteredAfterItsLastRetry() throws {
        let schedule = try #require(RetrySchedule("500,5000,30000"))
        #expect(schedule.step(afterAttempts: 4) == .dead)
        #expect(schedule.step(afterAttempts: 1000) == .dead)
    }
}
