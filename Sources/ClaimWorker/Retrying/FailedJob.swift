import Broker
import Claims
import OrderedCollections
import RuntimeSupport

/// A failed attempt and its consequences: the claim's new state, and the copy of the message that replaces it.
///
/// Pure.
struct FailedJob {
    let job: Job
    let failure: FailedAttempt
    let step: RetrySchedule.Step

    /// - Parameter worker: the id of the worker that tried.
    init(
        _ job: Job, code: FailureCode, message: String, worker: String, at time: Timestamp, schedule: RetrySchedule
    ) {
        self.job = job
        failure = FailedAttempt(
            attempt: job.attempt, at: time, worker: worker, code: code.rawValue, message: message)
        step = code.isRetryable ? schedule.step(afterAttempts: job.attempt) : .dead
    }

    var isDeadLettered: Bool { step == .dead }

    /// The claim's new state; nil if the message has no claim id, or is a cancel, which leaves the claim unchanged.
    var claim: Claim? {
        guard !job.isCancel, let id = job.claimID else { return nil }
        var claim = job.claim?.pendingClaim ?? Claim(id: id)
        claim.reason = failure.code
        claim.attempts = failure.attempt
        if isDeadLettered {
            claim.status = .deadLettered
            claim.decidedAt = failure.at
        }
        return claim
    }

    /// Returns the copy that replaces the message, and where it is published to.
    ///
    /// - Parameter lane: the lane to which a retry returns.
    func copy(lane: Int) -> OutgoingMessage {
        var message = job.message.recording(failure)
        switch step {
        case .retry(let queue, let delay):
            message.properties.expiration = String(delay)
            return OutgoingMessage(
                message, exchange: Topology.retry(queue), routingKey: Topology.routingKey(lane: lane))
        case .dead:
            message = message.deadLettered(reason: failure.code, at: failure.at)
            return OutgoingMessage(message, exchange: "", routingKey: Topology.deadQueue)
        }
    }
}
