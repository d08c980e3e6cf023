import Broker
import Claims
import Foundation
import Logging
import Metrics
import Redis
import RuntimeSupport

/// Takes claims through Redis and the broker: each is noted, published, confirmed and marked as accepted.
///
/// ```
/// submit ─► note (Redis thread) ─► publish (publisher thread) ─► mark (Redis thread) ─► completion
/// ```
/// A step is started by the thread that has finished the one before, not by a task. So a request leaves its own thread
/// once and comes back once, and each store serves all claims that wait for it in one round trip.
struct ClaimConveyor: Sendable {
    /// What became of a claim.
    enum Outcome: Sendable {
        /// The broker has confirmed it, for the first time.
        case accepted(ClaimMessage)
        /// The broker has confirmed a request with the same key and body, earlier or at the same time.
        case replayed(ClaimMessage)
        /// The key belongs to another body.
        case keyReused
        /// A limit does not allow it. Nothing was published.
        case refused(Problem)
        /// It was not confirmed.
        case failed(PublishError)
    }

    let redis: RedisClient
    let publisher: Publisher<ClaimMessage>
    let issuer: ClaimIDIssuer
    let lanes: Int
    /// A request that was noted longer ago and never confirmed is not in progress any more.
    let confirmTimeout: Duration
    let logger: Logger

    private let cancels = Counter(label: "claims.cancels", dimensions: [("result", "confirmed")])
    private let accepted = Counter(label: "claims.publishes", dimensions: [("result", "confirmed")])
    private let duration = Metrics.Timer(label: "claims.publish.duration", dimensions: [("result", "confirmed")])

    init(
        redis: RedisClient, publisher: Publisher<ClaimMessage>, issuer: ClaimIDIssuer, lanes: Int,
        confirmTimeout: Duration, logger: Logger
    ) {
        self.redis = redis
        self.publisher = publisher
        self.issuer = issuer
        self.lanes = lanes
        self.confirmTimeout = confirmTimeout
        self.logger = logger
    }

    /// Submits a claim and waits for its outcome.
    ///
    /// - Parameter quota: the limits that it counts for, unless it was accepted before; nil if there are none.
    func submit(_ message: ClaimMessage, quota: Quota? = nil) async -> Outcome {
        await withCheckedContinuation { caller in
            submit(message, quota) { caller.resume(returning: $0) }
        }
    }

    /// Publishes a cancellation and waits for its publisher confirm.
    ///
    /// - Throws: ``PublishError``.
    func cancel(_ message: ClaimMessage) async throws(PublishError) {
        let result: Result<Void, PublishError> = await withCheckedContinuation { caller in
            publish(message, lane: message.couponName.lane(of: lanes)) { caller.resume(returning: $0) }
        }
        try result.get()
    }

    // MARK: The steps of a claim

    /// Redis remembers a request before it is published. Without Redis every request is published, and the database
    /// detects the duplicates.
    private func submit(
        _ message: ClaimMessage, _ quota: Quota?, completion: @escaping @Sendable (Outcome) -> Void
    ) {
        let lane = message.couponName.lane(of: lanes)
        let noting = ClaimCache.note(message).and(LaneQueue.takeNumber(lane: lane))
        guard let quota else {
            return redis.send(noting) { answer in
                let (earlier, number) = (try? answer.get()) ?? (nil, nil)
                goOn(Submission(message: message, lane: lane, number: number, completion: completion), earlier)
            }
        }
        redis.send(noting.and(quota.request(for: message.id, user: message.userID, coupon: message.couponName))) {
            answer in
            let found = try? answer.get()
            let (earlier, number) = found?.0 ?? (nil, nil)
            let submission = Submission(message: message, lane: lane, number: number, completion: completion)
            do throws(Problem) {
                try quota.settle(found?.1, user: message.userID)
                goOn(submission, earlier)
            } catch {
                returnNumber(of: submission)
                if found != nil, earlier == nil { redis.sendWithoutReply(ClaimCache.withdraw(message.id)) }
                completion(.refused(error))
            }
        }
    }

    /// - Parameter earlier: what Redis remembers of an earlier request with the same id.
    private func goOn(_ submission: Submission, _ earlier: ClaimCache.Entry?) {
        var submission = submission
        if let earlier, let outcome = resolve(earlier, for: &submission) {
            returnNumber(of: submission)
            submission.completion(outcome)
        } else {
            publish(submission)
        }
    }

    /// Compares a request with an earlier one that has its id.
    ///
    /// The claim's time of creation is that of the attempt that was accepted: one that was refused earlier does not count.
    /// The id is that of the same time, so that it stays the same on the next day.
    /// - Returns: the outcome; nil if the earlier request was never confirmed, so that this one has to be published.
    private func resolve(_ earlier: ClaimCache.Entry, for submission: inout Submission) -> Outcome? {
        if let known = earlier.claim {
            guard earlier.isEdited || known.couponName == nil || known.couponName == submission.message.couponName
            else { return .keyReused }
            let now = submission.message.createdAt
            if let noted = known.createdAt, earlier.isAccepted || isInProgress(since: noted, at: now) {
                submission.message.createdAt = noted
                submission.message.id = issuer.id(submission.message.id, at: noted)
            } else if !earlier.isAccepted {
                redis.sendWithoutReply(ClaimCache.noteAgain(submission.message))
            }
        }
        return earlier.isAccepted ? .replayed(submission.message) : nil
    }

    /// Returns whether another attempt at the same request may still wait for its confirm.
    private func isInProgress(since start: Timestamp, at now: Timestamp) -> Bool {
        now.seconds(since: start) < confirmTimeout / .seconds(1)
    }

    private func publish(_ submission: Submission) {
        publish(submission.message, lane: submission.lane) { result in
            switch result {
            case .success: mark(submission)
            case .failure(let error):
                returnNumber(of: submission)
                if !error.mayBeStored { redis.sendWithoutReply(ClaimCache.withdraw(submission.message.id)) }
                submission.completion(.failed(error))
            }
        }
    }

    /// Redis marks a request as accepted after the confirm. A request that was noted but never marked is published again;
    /// only a marked one is a replay.
    private func mark(_ submission: Submission) {
        let (message, lane) = (submission.message, submission.lane)
        redis.send(ClaimCache.accept(message.id, lane: lane, number: submission.number)) { answer in
            guard let acceptance = try? answer.get() else { return submission.completion(.accepted(message)) }
            redis.sendWithoutReply(acceptance.rest)
            submission.completion(acceptance.isFirst ? .accepted(message) : .replayed(message))
        }
    }

    /// Returns the number of a claim that does not join its lane, or most likely does not.
    private func returnNumber(of submission: Submission) {
        if submission.number != nil { redis.sendWithoutReply(LaneQueue.returnNumber(lane: submission.lane)) }
    }

    private func publish(
        _ message: ClaimMessage, lane: Int, completion: @escaping @Sendable (Result<Void, PublishError>) -> Void
    ) {
        let start = DispatchTime.now().uptimeNanoseconds
        publisher.publish(message, route: lane) { result in
            switch result {
            case .success:
                duration.recordNanoseconds(DispatchTime.now().uptimeNanoseconds - start)
                (message.action == .cancel ? cancels : accepted).increment()
            case .failure(let error):
                let label = message.action == .cancel ? "claims.cancels" : "claims.publishes"
                Counter(label: label, dimensions: [("result", "\(error)")]).increment()
                logger.debug(
                    "\(message.action) not confirmed", metadata: ["claim.id": "\(message.id)", "error": "\(error)"])
            }
            completion(result)
        }
    }
}

/// A claim on its way.
private struct Submission: Sendable {
    var message: ClaimMessage
    let lane: Int
    /// Its number in the lane; nil if Redis is unavailable.
    let number: Int64?
    let completion: @Sendable (ClaimConveyor.Outcome) -> Void
}

extension PublishError {
    /// Whether the broker may have stored the message anyway.
    fileprivate var mayBeStored: Bool {
        switch self {
        case .connectionLost, .timeout: true
        case .unreachable, .blocked, .refused, .unroutable, .queueFull, .stopping: false
        }
    }
}
