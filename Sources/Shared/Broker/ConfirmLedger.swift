internal import DequeModule

/// Which published messages the broker has yet to confirm, in the order in which they were published.
///
/// Pure bookkeeping: no connection and no clock. Whoever waits for a confirm is some `Waiter`.
///
/// <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
package struct ConfirmLedger<Waiter> {
    private struct Entry {
        var messageID: String?
        var deadline: ContinuousClock.Instant
        /// Nil once it was settled ahead of those before it.
        var waiter: Waiter?
        var wasReturned = false
    }

    /// How a published message ended.
    package enum Outcome: Hashable, Sendable {
        case confirmed
        /// basic.nack: the broker could not take it.
        case refused
        /// No queue took it, though the broker confirmed it.
        case unroutable
    }

    private var entries = Deque<Entry>()
    /// The delivery tag of the first entry. Tags count the publishes of a channel from 1.
    private var firstTag: UInt64 = 1

    package init() {}

    /// How many messages wait for their confirm, or for one before them.
    package var count: Int { entries.count }

    /// Until when the oldest message should be confirmed; nil if none waits.
    package var firstDeadline: ContinuousClock.Instant? { entries.first?.deadline }

    /// Notes a message that is about to be published.
    ///
    /// - Returns: the delivery tag that its confirm will carry.
    package mutating func publish(messageID: String?, deadline: ContinuousClock.Instant, waiter: Waiter) -> UInt64 {
        entries.append(Entry(messageID: messageID, deadline: deadline, waiter: waiter))
        return firstTag + UInt64(entries.count) - 1
    }

    /// Notes a basic.return. It comes before the confirm of the same message, so it speaks of one that is not settled.
    package mutating func returned(messageID: String?) {
        let index = entries.firstIndex { $0.messageID == messageID && $0.waiter != nil && !$0.wasReturned }
        if let index { entries[index].wasReturned = true }
    }

    /// Settles what a basic.ack or basic.nack speaks of.
    ///
    /// - Returns: whoever waited for it. A tag that is not expected settles nothing.
    package mutating func settle(
        tag: UInt64, multiple: Bool, confirmed: Bool
    ) -> [(waiter: Waiter, outcome: Outcome)] {
        guard tag >= firstTag, tag < firstTag + UInt64(entries.count) else { return [] }
        let last = Int(tag - firstTag)
        var settled: [(Waiter, Outcome)] = []
        for index in (multiple ? 0 : last)...last {
            guard let waiter = entries[index].waiter else { continue }
            let outcome: Outcome = !confirmed ? .refused : entries[index].wasReturned ? .unroutable : .confirmed
            settled.append((waiter, outcome))
            entries[index].waiter = nil
        }
        dropSettled()
        return settled
    }

    /// Takes out whoever has waited too long. A later confirm of theirs settles nobody.
    package mutating func expire(now: ContinuousClock.Instant) -> [Waiter] {
        var late: [Waiter] = []
        // Deadlines stand in the order of publishing, so the first that is not due ends the search.
        for index in entries.indices {
            guard entries[index].deadline <= now else { break }
            if let waiter = entries[index].waiter { late.append(waiter) }
            entries[index].waiter = nil
        }
        dropSettled()
        return late
    }

    /// Takes out everybody: the channel is gone, and with it the numbering.
    package mutating func reset() -> [Waiter] {
        defer { self = ConfirmLedger() }
        return entries.compactMap(\.waiter)
    }

    /// A confirm that comes for what was dropped has a tag below `firstTag` and settles nobody.
    private mutating func dropSettled() {
        while let first = entries.first, first.waiter == nil {
            entries.removeFirst()
            firstTag += 1
        }
    }
}
