package import Claims
package import RuntimeSupport

/// The history of a claim, from its row, its message in the dead-letter queue and the archive of operators. Pure; encodes
/// as JSON.
package struct ClaimTimeline: Encodable, Sendable {
    /// One thing that happened.
    package struct Event: Encodable, Hashable, Sendable {
        package enum Kind: String, Encodable, Hashable, Sendable {
            case accepted
            case attemptFailed = "attempt_failed"
            case deadLettered = "dead_lettered"
            case replayed, edited, discarded, restored, claimed, rejected, cancelled
        }

        package let at: Timestamp?
        package let kind: Kind
        /// The worker or the operator.
        package let by: String?
        /// A stable word: an error's code, or a reason.
        package let code: String?
        /// An error, or an operator's note.
        package let text: String?

        package init(_ kind: Kind, at: Timestamp?, by: String? = nil, code: String? = nil, text: String? = nil) {
            self.at = at
            self.kind = kind
            self.by = by
            self.code = code
            self.text = text
        }

        private enum CodingKeys: String, CodingKey { case at, kind, by, code, text }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(at, forKey: .at)
            try container.encode(kind, forKey: .kind)
            try container.encode(by, forKey: .by)
            try container.encode(code, forKey: .code)
            try container.encode(text, forKey: .text)
        }
    }

    /// An entry of the archive.
    struct Archived: Sendable {
        let action: ArchivedMessage.Action
        let at: Timestamp?
        let by: String
        let note: String?
        let restoredAt: Timestamp?
        let restoredBy: String?
        /// The archived message; nil if it can't be read.
        let letter: DeadLetter?
    }

    package let claim: Claim
    /// The oldest first.
    package let events: [Event]
    /// The sources that could not be asked, in sentences.
    package let missing: [String]

    /// - Parameters:
    ///   - letters: the claim's messages in the dead-letter queue.
    ///   - missing: the sources that could not be asked.
    init(_ claim: Claim, letters: [DeadLetter], archive: [Archived], missing: [String] = []) {
        self.claim = claim
        self.missing = missing
        var all: Set<Event> = []
        if let created = claim.createdAt { all.insert(Event(.accepted, at: created)) }
        for letter in letters + archive.compactMap(\.letter) { all.formUnion(Self.events(of: letter)) }
        for entry in archive {
            let kind: Event.Kind =
                switch entry.action {
                case .discarded: .discarded
                case .edited: .edited
                }
            all.insert(Event(kind, at: entry.at, by: entry.by, text: entry.note))
            if let restored = entry.restoredAt { all.insert(Event(.restored, at: restored, by: entry.restoredBy)) }
        }
        if let last = Self.lastEvent(of: claim), !all.contains(where: { $0.kind == last.kind && $0.at == last.at }),
            // The archive tells who discarded the claim.
            !(last.kind == .discarded && all.contains { $0.kind == .discarded })
        {
            all.insert(last)
        }
        events = all.sorted { left, right in
            let order = [left, right].map { ($0.at?.milliseconds ?? .min, Self.rank($0.kind)) }
            return order[0] < order[1]
        }
    }

    private static func events(of letter: DeadLetter) -> [Event] {
        var events = letter.failures.map { failure in
            Event(.attemptFailed, at: failure.at, by: failure.worker, code: failure.code, text: failure.message)
        }
        events += letter.replays.map { replay in
            Event(.replayed, at: replay.at.flatMap(Timestamp.init), by: replay.by, code: replay.reason)
        }
        if let died = letter.diedAt { events.append(Event(.deadLettered, at: died, code: letter.reason)) }
        return events
    }

    private static func lastEvent(of claim: Claim) -> Event? {
        let kind: Event.Kind
        switch claim.status {
        case .pending: return nil
        case .claimed: kind = .claimed
        case .rejected: kind = .rejected
        case .deadLettered: kind = .deadLettered
        case .discarded: kind = .discarded
        case .cancelled: kind = .cancelled
        }
        return Event(kind, at: claim.decidedAt, code: claim.reason)
    }

    /// The order of things that happened in the same millisecond.
    private static func rank(_ kind: Event.Kind) -> Int {
        switch kind {
        case .accepted: 0
        case .attemptFailed: 1
        case .deadLettered: 2
        case .discarded: 3
        case .restored: 4
        case .replayed, .edited: 5
        case .claimed, .rejected: 6
        case .cancelled: 7
        }
    }

    private enum CodingKeys: String, CodingKey { case claim, events, missing }
}
