import Broker
import Claims
import OrderedCollections
import RuntimeSupport

/// An attempt that failed, and what follows from it: which message goes where, and what the claim now reads.
///
/// Pure.
struct FailedJob {
    let job: Job
    let failure: FailedAttempt
    let step: RetrySchedule.Step

    /// - Parameter canBeRetried: false where no retry can help.
    init(_ job: Job, code: String, message: String, worker: String, at time: Timestamp, schedule: RetrySchedule) {
        self.job = job
        failure = FailedAttempt(attempt: job.attempt, at: time, worker: worker, code: code, message: message)
        // What can't be read now can't be read later, and what kills workers must not go on doing so.
        let isHopeless = job.claim == nil || code == PoisonMessageDetector.code
        step = isHopeless ? .dead : schedule.step(afterAttempts: job.attempt)
    }

    var isDeadLettered: Bool { step == .dead }

    /// The claim as it now stands; nil if the message tells no claim's id, or leaves the claim as it was.
    var claim: Claim? {
        guard !job.isCancel else { return nil }
        let id = job.claim?.id ?? job.message.properties.messageID.flatMap(ClaimID.init)
        guard let id else { return nil }
        var claim = job.claim?.pendingClaim ?? Claim(id: id)
        claim.reason = failure.code
        claim.attempts = failure.attempt
        if isDeadLettered {
            claim.status = .deadLettered
            claim.decidedAt = failure.at
        }
        return claim
    }

    /// The copy that goes on in the message's stead.
    ///
    /// - Parameter lane: the lane that a retry comes back to.
    func copy(lane: Int) -> (message: BrokerMessage, exchange: String, routingKey: String) {
        var message = job.message.after(failure)
        switch step {
        case .retry(let queue, let delay):
            message.properties.expiration = String(delay)
            return (message, Topology.retry(queue), Topology.routingKey(lane: lane))
        case .dead:
            return (message.dead(because: failure.code, at: failure.at), "", Topology.deadQueue)
        }
    }
}
