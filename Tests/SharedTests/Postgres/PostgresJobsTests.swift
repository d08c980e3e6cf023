import RuntimeSupport
import Synchronization
import Testing

@testable import Postgres

@Suite(.timeLimit(.minutes(1))) struct PostgresJobsTests {
    /// Counts the callers that got an error.
    private final class Callers: Sendable {
        private let failures = Mutex<[Int: Int]>([:])

        var failed: [Int] { failures.withLock { $0.keys.sorted() } }
        var areFailedOnce: Bool { failures.withLock { $0.values.allSatisfy { $0 == 1 } } }

        func job(_ number: Int, until deadline: ContinuousClock.Instant) -> PostgresJobs.Job {
            PostgresJobs.Job(deadline: deadline) { result in
                guard case .failure(let error) = result, error.isOutage else { return }
                self.failures.withLock { $0[number, default: 0] += 1 }
            }
        }
    }

    private let callers = Callers()
    private let now = ContinuousClock.now

    @Test func aJobWhoseDeadlineIsOverFailsAndIsNotRun() {
        let jobs = PostgresJobs(capacity: 10)
        jobs.post(callers.job(1, until: now - .seconds(1)))
        jobs.post(callers.job(2, until: now + .seconds(100)))
        jobs.next(waiting: .seconds(90))?.end(.failure(.init(sqlState: "42601", message: "the statement failed")))
        #expect(callers.failed == [1], "the second one was taken")
        #expect(jobs.next(waiting: .zero) == nil)
    }

    /// All connections are busy: no thread takes a job.
    @Test func aCallerDoesNotWaitForAConnectionToNoticeItsDeadline() {
        let jobs = PostgresJobs(capacity: 10)
        for (number, seconds) in [5, 1, 3].enumerated() {
            jobs.post(callers.job(number, until: now + .seconds(seconds)))
        }
        jobs.expire(at: now)
        #expect(callers.failed == [])
        jobs.expire(at: now + .seconds(3))
        #expect(callers.failed == [1, 2])
        jobs.expire(at: now + .seconds(5))
        #expect(callers.failed == [0, 1, 2] && callers.areFailedOnce)
        #expect(jobs.next(waiting: .zero) == nil)
    }

    @Test func expiryRunsUntilTheStop() async {
        let jobs = PostgresJobs(capacity: 10)
        let stop = StopSignal()
        let deadline = now
        let expiry = Task { await jobs.expire(until: stop) }
        await withCheckedContinuation { caller in
            jobs.post(PostgresJobs.Job(deadline: deadline) { _ in caller.resume() })
        }
        stop.request()
        await expiry.value
    }

    @Test func moreThanTheCapacityFailAtOnceAndSoDoAllAfterTheEnd() {
        let jobs = PostgresJobs(capacity: 2)
        for number in 0..<3 { jobs.post(callers.job(number, until: now + .seconds(100))) }
        #expect(callers.failed == [2])
        jobs.close()
        jobs.post(callers.job(3, until: now + .seconds(100)))
        #expect(callers.failed == [2, 3])
        jobs.failAll(with: PostgresError(sqlState: nil, message: "shutting down"))
        #expect(callers.failed == [0, 1, 2, 3] && callers.areFailedOnce)
    }
}
