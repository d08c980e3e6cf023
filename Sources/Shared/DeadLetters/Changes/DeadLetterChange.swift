internal import RuntimeSupport

/// A replay or discard that was prepared and not carried out: the exact messages that it is about.
package struct DeadLetterChange: Sendable {
    /// The selected messages, in the order of death, under their digest.
    package let plan: DeadLetterPlan
    /// The given ids that no message in the queue has.
    package let missing: [String]

    /// The number of selected messages.
    package var count: Int { plan.fingerprints.count }

    /// Reads the queue and selects messages.
    ///
    /// - Parameter visit: is called for each selected message, in no particular order.
    /// - Throws: ``DeadLetterError/Code/nothingMatched``, ``DeadLetterError/Code/planNotFound``, `BrokerError`,
    ///   `PostgresError`, or the error of `visit`.
    package init(
        _ action: DeadLetterPlan.Action, _ selection: DeadLetterSelection, _ session: OperatorSession,
        visit: (DeadLetter) throws -> Void = { _ in }
    ) throws {
        var planned: [CompactID] = []
        if case .plan(let digest) = selection {
            let stored = try DeadLetterStore(try session.postgres()).plan(digest)
            guard let stored, stored.action == action else {
                throw DeadLetterError(
                    .planNotFound, "no \(action.rawValue) with the digest \(digest) was planned in the last 7 days")
            }
            planned = stored.fingerprints
        }
        var matcher = DeadLetterSelection.Matcher(selection, at: .now(), planned: Set(planned))
        let selected = SortedLines()
        try DeadLetterQueue.forEachLetter(session) { letter in
            guard matcher.selects(letter) else { return }
            try selected.add(letter) { letter.message.fingerprint }
            try visit(letter)
        }
        guard selected.count > 0 else {
            throw DeadLetterError(.nothingMatched, "no message in the dead-letter queue matches; nothing was changed")
        }
        missing = matcher.missing
        var fingerprints: [CompactID] = []
        fingerprints.reserveCapacity(selected.count)
        try selected.forEach { line in
            if let fingerprint = CompactID(line) { fingerprints.append(fingerprint) }
        }
        plan = DeadLetterPlan(action, fingerprints: fingerprints)
        let gone = planned.count - count
        if gone > 0 {
            session.notice("planned messages that are no longer in the queue: \(gone) of \(planned.count)")
        }
    }

    /// Stores the plan for 7 days, so that exactly this change can be carried out by its digest.
    ///
    /// - Throws: `PostgresError`.
    package func store(_ session: OperatorSession) throws {
        try DeadLetterStore(try session.postgres()).store(plan, by: session.operatorName)
    }
}
