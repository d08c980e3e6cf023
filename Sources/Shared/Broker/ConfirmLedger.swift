internal import DequeModule

/// The published messages of one channel that the broker has not confirmed yet, in the order of publishing.
///
/// Pure: no connection and no clock. `Waiter` is what the owner gets back with the outcome.
///
/// <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
package struct ConfirmLedger<Waiter> {
    private struct Entry {
        var messageID: String?
        var deadline: ContinuousClock.Instant
        /// Nil once it is resolved while an earlier entry is not.
        var waiter: Waiter?
        var wasReturned = false
    }

    private var entries = Deque<Entry>()
    /// The delivery tag of the first entry. Tags count the publishes of a channel from 1.
    private var firstTag: UInt64 = 1

    package init() {}

    /// The number of messages that wait for their confirm, or for that of an earlier one.
    package var count: Int { entries.count }

    /// The deadline of the oldest unconfirmed message; nil if there is none.
    package var firstDeadline: ContinuousClock.Instant? { entries.first?.deadline }

    /// Records a message that is about to be published.
    ///
    /// - Returns: the delivery tag that its confirm will carry.
    @discardableResult
    package mutating func publish(
        messageID: String?, deadline: ContinuousClock.Instant, waiter: Waiter
    ) -> UInt64 {
        entries.append(Entry(messageID: messageID, deadline: deadline, waiter: waiter))
        return firstTag + UInt64(entries.count) - 1
    }

    /// Applies a basic.ack, basic.nack or basic.return; other events change nothing.
    ///
    /// - Returns: the messages that this resolves, with their outcomes.
    package mutating func apply(_ event: BrokerEvent) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        switch event {
        case .confirmed(let tag, let multiple):
            return resolve(tag: tag, multiple: multiple, confirmed: true)
        case .refused(let tag, let multiple):
            return resolve(tag: tag, multiple: multiple, confirmed: false)
        case .returned(let messageID, _):
            returned(messageID: messageID)
            return []
        case .blocked, .unblocked, .delivered, .consumerCancelled:
            return []
        }
    }

    /// Records a basic.return. It precedes the confirm of the same message, so it belongs to an unresolved one.
    package mutating func returned(messageID: String?) {
        let index = entries.firstIndex { $0.messageID == messageID && $0.waiter != nil && !$0.wasReturned }
        if let index { entries[index].wasReturned = true }
    }

    /// Resolves the messages of a basic.ack or basic.nack. An unknown tag resolves nothing.
    package mutating func resolve(
        tag: UInt64, multiple: Bool, confirmed: Bool
    ) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        guard tag >= firstTag, tag < firstTag + UInt64(entries.count) else { return [] }
        let last = Int(tag - firstTag)
        var resolved: [(Waiter, PublishOutcome)] = []
        for index in (multiple ? 0 : last)...last {
            guard let waiter = entries[index].waiter else { continue }
            let outcome: PublishOutcome =
                !confirmed ? .refused : entries[index].wasReturned ? .unroutable : .confirmed
            resolved.append((waiter, outcome))
            entries[index].waiter = nil
        }
        while let first = entries.first, first.waiter == nil {
            entries.removeFirst()
            firstTag += 1
        }
        return resolved
    }

    /// Gives every unconfirmed message until `deadline`.
    package mutating func extendDeadlines(to deadline: ContinuousClock.Instant) {
        for index in entries.indices { entries[index].deadline = deadline }
    }

    /// Removes all messages: the channel is gone, and its numbering with it.
    ///
    /// - Returns: the unresolved ones, in the order of publishing.
    package mutating func reset() -> [Waiter] {
        defer { self = ConfirmLedger() }
        return entries.compactMap(\.waiter)
    }
}

/// How the broker answered a published message.
package enum PublishOutcome: Hashable, Sendable {
    case confirmed
    /// basic.nack: the broker could not take it.
    case refused
    /// No queue took it, although the broker confirmed it.
    case unroutable
}
