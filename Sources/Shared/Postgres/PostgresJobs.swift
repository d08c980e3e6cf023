internal import RuntimeSupport

/// The bounded queue of the calls that wait for a connection, each until its deadline.
final class PostgresJobs: Sendable {
    struct Job: Sendable {
        let deadline: ContinuousClock.Instant
        /// Runs the job on a connection, or fails its caller. Called once.
        let end: @Sendable (Result<PostgresConnection, PostgresError>) -> Void
    }

    private let mailbox: Mailbox<Job>
    /// The time between two searches for expired jobs.
    private static let interval = Duration.milliseconds(100)

    /// - Parameter capacity: the most jobs that wait; more fail at once.
    init(capacity: Int) {
        mailbox = Mailbox(capacity: capacity)
    }

    /// Appends a job. It fails at once if the queue is full or closed.
    func post(_ job: Job) {
        if !mailbox.post(job) {
            job.end(.failure(PostgresError(sqlState: nil, message: "the PostgreSQL request queue is full or closed")))
        }
    }

    /// Waits for a job whose deadline is not over, and takes it. Those that are over fail.
    ///
    /// - Returns: nil if there is none in time, or the queue is closed and empty.
    func next(waiting time: Duration) -> Job? {
        let end = ContinuousClock.now + time
        while let job = mailbox.take(atMost: 1, waiting: max(.zero, end - .now)).first {
            if job.deadline > .now { return job }
            Self.fail(job)
        }
        return nil
    }

    /// Fails the jobs whose deadline is over, so that their callers do not wait for a connection to notice it.
    func expire(at now: ContinuousClock.Instant) {
        for job in mailbox.remove(where: { $0.deadline <= now }) { Self.fail(job) }
    }

    /// Fails expired jobs several times a second until the stop is requested.
    func expire(until stop: StopSignal) async {
        while !Task.isCancelled, !stop.isRequested {
            try? await Task.sleep(for: Self.interval)
            expire(at: .now)
        }
    }

    /// Fails all jobs that wait.
    func failAll(with error: PostgresError) {
        for job in mailbox.takeWaiting(atMost: .max) { job.end(.failure(error)) }
    }

    /// Refuses new jobs. Those that wait can still be taken.
    func close() {
        mailbox.close()
    }

    private static func fail(_ job: Job) {
        job.end(.failure(PostgresError(sqlState: nil, message: "no connection to PostgreSQL became free in time")))
    }
}
