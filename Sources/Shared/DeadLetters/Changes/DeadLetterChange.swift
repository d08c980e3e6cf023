internal import RuntimeSupport

/// A replay or discard that was prepared and not carried out: the exact messages that it is about.
package struct DeadLetterChange: Sendable {
    /// The selected messages, in the order of death.
    package let letters: [DeadLetter]
    /// The same set of messages under its digest.
    package let plan: DeadLetterPlan
    /// The given ids that no message in the queue has.
    package let missing: [String]

    /// Reads the queue and selects messages.
    ///
    /// - Throws: ``DeadLetterError/Code/nothingMatched``, ``DeadLetterError/Code/planNotFound``, `BrokerError` or
    ///   `PostgresError`.
    package init(
        _ action: DeadLetterPlan.Action, _ selection: DeadLetterSelection, _ session: OperatorSession
    ) throws {
        let now = Timestamp.now()
        var planned: [String] = []
        if case .plan(let digest) = selection {
            let stored = try DeadLetterStore(try session.postgres()).plan(digest)
            guard let stored, stored.action == action else {
                throw DeadLetterError(
                    .planNotFound, "no \(action.rawValue) with the digest \(digest) was planned in the last 7 days")
            }
            planned = stored.fingerprints
        }
        (letters, missing) = selection.select(
            from: try DeadLetterQueue.letters(session), at: now, planned: Set(planned))
        guard !letters.isEmpty else {
            throw DeadLetterError(.nothingMatched, "no message in the dead-letter queue matches; nothing was changed")
        }
        plan = DeadLetterPlan(action, fingerprints: letters.map(\.message.fingerprint))
        let gone = planned.count - letters.count
        if gone > 0 {
            session.notice("planned messages that are no longer in the queue: \(gone) of \(planned.count)")
        }
    }

    /// Stores the plan for 7 days, so that exactly this change can be carried out by its digest.
    ///
    /// - Returns: the plan as a JSON document.
    /// - Throws: `PostgresError`.
    package func store(_ session: OperatorSession) throws -> PlanDocument {
        try DeadLetterStore(try session.postgres()).store(plan, by: session.operatorName)
        return PlanDocument(
            action: plan.action, digest: plan.digest, count: letters.count,
            messages: letters.map { DeadLetterLine($0, now: .now()) })
    }
}

/// A stored plan with its messages, as JSON.
package struct PlanDocument: Encodable, Sendable {
    package let action: DeadLetterPlan.Action
    package let digest: String
    package let count: Int
    package let messages: [DeadLetterLine]
}
