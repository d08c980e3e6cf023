internal import RuntimeSupport

/// Which dead letters an operator wants to replay or discard.
package enum DeadLetterSelection: Hashable, Sendable {
    /// The messages with these ids, message ids or fingerprints.
    case ids([String])
    case filter(DeadLetterFilter)
    /// Every message in the queue.
    case all
    /// The messages of a stored plan that are still in the queue.
    case plan(digest: String)

    /// Takes the one way of selecting that is given.
    ///
    /// - Throws: ``DeadLetterError/Code/invalidSelection`` unless exactly one is given.
    package init(
        ids: [String], filter: DeadLetterFilter, all: Bool, plan digest: String?
    ) throws(DeadLetterError) {
        let given: [DeadLetterSelection?] = [
            ids.isEmpty ? nil : .ids(ids), filter.isEmpty ? nil : .filter(filter), all ? .all : nil,
            digest.map { .plan(digest: $0) },
        ]
        let selections = given.compactMap(\.self)
        guard selections.count == 1 else {
            throw DeadLetterError(
                .invalidSelection, "exactly one of ids, filters, all and plan must say which messages are meant")
        }
        self = selections[0]
    }

    /// Returns the selected messages and the given ids that no message has.
    ///
    /// - Parameters:
    ///   - letters: all messages of the queue.
    ///   - planned: the fingerprints of the stored plan, if a plan is selected.
    func select(
        from letters: [DeadLetter], at now: Timestamp, planned: Set<String> = []
    ) -> (letters: [DeadLetter], missing: [String]) {
        switch self {
        case .ids(let ids):
            let found = letters.filter { letter in ids.contains(where: letter.matches(id:)) }
            return (found, ids.filter { id in !found.contains { $0.matches(id: id) } })
        case .filter(let filter): return (letters.filter { filter.matches($0, at: now) }, [])
        case .all: return (letters, [])
        case .plan: return (letters.filter { planned.contains($0.message.fingerprint) }, [])
        }
    }
}
