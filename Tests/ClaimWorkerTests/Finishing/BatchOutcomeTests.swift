import Claims
import RuntimeSupport
import Testing

@testable import ClaimWorker

@Suite struct BatchOutcomeTests {
    private let time = Timestamp(milliseconds: 1_795_368_460_000)

    private func outcome() throws -> BatchOutcome {
        BatchOutcome(worker: "w1", schedule: try #require(RetrySchedule("500,5000,30000")))
    }

    @Test func eachJobHasItsOwnVerdict() throws {
        var outcome = try outcome()
        let jobs: [Job] = [.made(1), .cancel(2), .made(3), .made(4)]
        var claims = jobs.compactMap(\.claim?.pendingClaim)
        for index in claims.indices { claims[index].status = .claimed }
        outcome.add(
            [
                .decided(claims[0], wasDecidedBefore: false), .nothingToCancel,
                .failed(.databaseError, message: "division by zero"), .decided(claims[3], wasDecidedBefore: true),
            ], of: jobs, at: time)
        #expect(outcome.decisions.map(\.job.tag) == [1, 2, 4])
        #expect(outcome.decisions.map(\.claim) == [claims[0], nil, claims[3]])
        #expect(outcome.decisions.map(\.wasDecidedBefore) == [false, false, true])
        #expect(outcome.failures.map(\.job.tag) == [3])
        #expect(outcome.failures.map(\.failure.code) == ["database_error"])
        #expect(outcome.failures.map(\.failure.message) == ["division by zero"])
        #expect(outcome.failures.map(\.failure.at) == [time])
        #expect(outcome.failures.map(\.failure.worker) == ["w1"])
        #expect(outcome.jobs.map(\.tag) == [1, 2, 4, 3])
    }

    @Test func unreadableMessagesFailAndAreDeadLettered() throws {
        var outcome = try outcome()
        let jobs: [Job] = [.made(1), .made(2, body: "nonsense"), .made(3, body: "{}")]
        outcome.failUnreadable(jobs.map { PendingJob(job: $0) }, at: time)
        #expect(outcome.decisions.isEmpty)
        #expect(outcome.failures.map(\.job.tag) == [2, 3])
        #expect(outcome.failures.allSatisfy { $0.failure.code == "unreadable" && $0.isDeadLettered })
        #expect(outcome.failures.last?.failure.message == "version is missing")
    }

    @Test func failedJobsFollowTheSchedule() throws {
        var outcome = try outcome()
        outcome.fail([.made(1), .made(2, attempts: 3)], .lockHeld, "held", at: time)
        #expect(outcome.failures.map(\.step) == [.retry(queue: 0, delay: 500), .dead])
    }
}
