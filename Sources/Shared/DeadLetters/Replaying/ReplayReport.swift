internal import Claims

/// The result of a replay. Encodes as the JSON document of a replay.
package struct ReplayReport: Sendable {
    /// Messages whose copy in a work queue was confirmed.
    package var replayed = 0
    /// Older messages of the same claims, removed from the queue with the newest one.
    package var superseded = 0
    /// Selected messages that were no longer in the queue.
    package var gone = 0
    /// Messages that the broker did not store. They stay in the dead-letter queue.
    package var refused = 0
    /// Cancels that were not sent, because their claims have no outcome yet. They stay in the dead-letter queue.
    package var waiting = 0
    /// Messages without a claim's id, whose outcome can't be looked up.
    package var unfollowed = 0
    package var outcomes: [SentClaim: ReplayOutcome] = [:]
    /// Why the replay stopped before all messages were sent; nil if it did not.
    package var stopped: String?

    package init() {}

    /// Claims that this replay decided.
    package var decidedAnew: Int { count { if case .decidedAnew = $0 { true } else { false } } }
    package var claimed: Int { count { $0 == .decidedAnew(.claimed) } }
    package var rejected: Int { count { $0 == .decidedAnew(.rejected) } }
    package var cancelled: Int { count { $0 == .decidedAnew(.cancelled) } }
    package var decidedBefore: Int { count { $0 == .decidedBefore } }
    package var failedAgain: Int { count { $0 == .failedAgain } }
    package var pending: Int { count { $0 == .pending } }

    private func count(_ matches: (ReplayOutcome) -> Bool) -> Int { outcomes.values.count(where: matches) }

    /// Throws the error that this result amounts to, if any.
    ///
    /// - Parameter missing: the given ids that no message has.
    package func check(missing: [String] = []) throws(DeadLetterError) {
        if let stopped { throw DeadLetterError(.rampStopped, "stopped: \(stopped)") }
        if refused > 0 {
            throw DeadLetterError(
                .notStored,
                "messages that the broker did not store, and that are still in the dead-letter queue: \(refused)")
        }
        if waiting > 0 {
            throw DeadLetterError(
                .cancelWaits,
                "cancels that were not sent, because their claims have no outcome yet: \(waiting); they are still in the "
                    + "dead-letter queue", nextStep: "replay the messages of their claims, then run it again")
        }
        try DeadLetterError.check(missing: missing)
    }
}

extension ReplayReport: Encodable {
    private enum CodingKeys: String, CodingKey {
        case replayed, superseded, gone, refused, waiting, unfollowed, claimed, rejected, cancelled, pending, stopped
        case decidedAnew = "decided_anew"
        case decidedBefore = "decided_before"
        case failedAgain = "failed_again"
        case failedIDs = "failed_ids"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(replayed, forKey: .replayed)
        try container.encode(superseded, forKey: .superseded)
        try container.encode(gone, forKey: .gone)
        try container.encode(refused, forKey: .refused)
        try container.encode(waiting, forKey: .waiting)
        try container.encode(unfollowed, forKey: .unfollowed)
        try container.encode(decidedAnew, forKey: .decidedAnew)
        try container.encode(claimed, forKey: .claimed)
        try container.encode(rejected, forKey: .rejected)
        try container.encode(cancelled, forKey: .cancelled)
        try container.encode(decidedBefore, forKey: .decidedBefore)
        try container.encode(failedAgain, forKey: .failedAgain)
        try container.encode(pending, forKey: .pending)
        let failed = outcomes.filter { $0.value == .failedAgain }.map(\.key.id.description).sorted()
        try container.encode(failed, forKey: .failedIDs)
        try container.encodeIfPresent(stopped, forKey: .stopped)
    }
}
