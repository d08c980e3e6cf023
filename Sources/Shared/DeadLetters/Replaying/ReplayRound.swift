internal import Broker
internal import Claims

/// The messages of one round of a replay in the order of death, with identical requests merged.
///
/// A claim's message may be in the queue several times, for example after an interrupted replay. Only the newest is sent,
/// and the older ones leave the queue with it. A claim and its cancel are two requests. A message that can't be read
/// replaces no other and is replaced by none, because nothing shows that it asks for the same.
struct ReplayRound {
    /// A message that is sent, with the older ones of the same request.
    struct Item: Sendable {
        let letter: DeadLetter
        let newest: DeadLetterQueue.Handle
        let older: [DeadLetterQueue.Handle]

        var handles: [DeadLetterQueue.Handle] { older + [newest] }
    }

    /// What a message asks for.
    private struct Request: Hashable {
        let claim: CompactID
        let isCancel: Bool

        init?(_ letter: DeadLetter) {
            guard let message = letter.claim, let claim = CompactID(message.id.description) else { return nil }
            self.claim = claim
            isCancel = letter.isCancel
        }
    }

    private var entries = SortedEntries()
    /// The messages that are left of each request that has several.
    private var left: [Request: Int] = [:]
    private var older: [Request: [DeadLetterQueue.Handle]] = [:]

    /// The number of messages, the merged ones included.
    var count: Int { entries.count }

    /// Reads the queue.
    ///
    /// - Parameter wanted: the fingerprints of the messages.
    init(_ queue: DeadLetterQueue, _ wanted: Set<CompactID>) throws {
        var seen: Set<Request> = []
        try queue.read { entry in
            guard wanted.contains(entry.letter.message.compactFingerprint) else { return }
            try add(entry, &seen)
        }
    }

    /// - Parameter entries: messages in any order.
    init(_ entries: [DeadLetterQueue.Entry]) throws {
        var seen: Set<Request> = []
        for entry in entries { try add(entry, &seen) }
    }

    private mutating func add(_ entry: DeadLetterQueue.Entry, _ seen: inout Set<Request>) throws {
        if let request = Request(entry.letter), !seen.insert(request).inserted {
            left[request, default: 1] += 1
        }
        try entries.add(entry)
    }

    /// Returns the next messages to send, up to `limit`; none at the end.
    mutating func next(_ limit: Int) throws -> [Item] {
        var items: [Item] = []
        while items.count < limit, let entry = try entries.next() {
            var merged: [DeadLetterQueue.Handle] = []
            if let request = Request(entry.letter), let count = left[request] {
                left[request] = count - 1
                guard count == 1 else {
                    older[request, default: []].append(entry.handle)
                    continue
                }
                merged = older.removeValue(forKey: request) ?? []
            }
            items.append(Item(letter: entry.letter, newest: entry.handle, older: merged))
        }
        return items
    }
}
