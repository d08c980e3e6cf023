import Claims
import RuntimeSupport

/// What a batch resulted in: the decided jobs and the failed attempts. A postponed job is neither.
///
/// Pure.
struct BatchOutcome {
    /// A job that needs no further attempt.
    struct Decision {
        let job: Job
        /// Nil for a cancel of a claim that was never decided.
        let claim: Claim?
        /// Whether the claim had this outcome before the batch.
        let wasDecidedBefore: Bool
    }

    private(set) var decisions: [Decision] = []
    private(set) var failures: [FailedJob] = []
    private let worker: String
    private let schedule: RetrySchedule

    /// - Parameters:
    ///   - worker: the worker that failed attempts name.
    ///   - schedule: decides which failed attempts are retried.
    init(worker: String, schedule: RetrySchedule) {
        self.worker = worker
        self.schedule = schedule
    }

    /// All jobs of the outcome.
    var jobs: [Job] { decisions.map(\.job) + failures.map(\.job) }

    /// Adds the verdicts of the decided jobs, one for each in the same order.
    mutating func add(_ verdicts: [Verdict], of jobs: [Job], at time: Timestamp = .now()) {
        precondition(verdicts.count == jobs.count, "each job has one verdict")
        for (job, verdict) in zip(jobs, verdicts) {
            switch verdict {
            case .decided(let claim, let wasDecidedBefore):
                decisions.append(Decision(job: job, claim: claim, wasDecidedBefore: wasDecidedBefore))
            case .nothingToCancel:
                decisions.append(Decision(job: job, claim: nil, wasDecidedBefore: false))
            case .couponLocked:
                break
            case .failed(let code, let message):
                fail([job], code, message, at: time)
            }
        }
    }

    /// Adds the unreadable ones among the jobs. Their attempt fails without a decision.
    mutating func failUnreadable(_ jobs: [PendingJob], at time: Timestamp = .now()) {
        for job in jobs.map(\.job) {
            if case .failure(let error) = job.content { fail([job], error.code, error.detail, at: time) }
        }
    }

    /// Adds failed attempts.
    mutating func fail(_ jobs: [Job], _ code: FailureCode, _ message: String, at time: Timestamp = .now()) {
        failures += jobs.map { job in
            FailedJob(job, code: code, message: message, worker: worker, at: time, schedule: schedule)
        }
    }
}
