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
                .invalidSelection, "exactly one of ids, filters, all and plan must select the messages")
        }
        self = selections[0]
    }

    /// Tells for one message after the other whether it is selected.
    struct Matcher {
        private let selection: DeadLetterSelection
        private let now: Timestamp
        private let planned: Set<CompactID>
        private let ids: Set<String>
        private var found: Set<String> = []

        /// - Parameter planned: the fingerprints of the stored plan, if a plan is selected.
        init(_ selection: DeadLetterSelection, at now: Timestamp, planned: Set<CompactID> = []) {
            self.selection = selection
            self.now = now
            self.planned = planned
            ids = if case .ids(let ids) = selection { Set(ids) } else { [] }
        }

        mutating func selects(_ letter: DeadLetter) -> Bool {
            switch selection {
            case .ids:
                let names = letter.names.filter(ids.contains)
                found.formUnion(names)
                return !names.isEmpty
            case .filter(let filter): return filter.matches(letter, at: now)
            case .all: return true
            case .plan: return planned.contains(letter.message.compactFingerprint)
            }
        }

        /// The given ids that no message has had until now.
        var missing: [String] {
            if case .ids(let ids) = selection { ids.filter { !found.contains($0) } } else { [] }
        }
    }
}

extension DeadLetterSelection {
    /// The selection in one line, for the audit trail.
    package var summary: String {
        switch self {
        case .ids(let ids):
            ids.prefix(20).joined(separator: " ") + (ids.count > 20 ? " and \(ids.count - 20) more" : "")
        case .filter(let filter): filter.summary
        case .all: "all"
        case .plan(let digest): "plan \(digest)"
        }
    }
}
