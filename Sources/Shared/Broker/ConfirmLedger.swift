internal import DequeModule

/// The unconfirmed messages of one channel, in publishing order.
///
/// A pure value without I/O and clock. `Waiter` is the caller's own value, returned with the message's outcome.
///
/// <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
package struct ConfirmLedger<Waiter> {
    private struct Entry {
        var messageID: String?
        var deadline: ContinuousClock.Instant
        /// Nil once the message is resolved. The entry remains until all earlier ones are resolved.
        var waiter: Waiter?
        var wasReturned = false
    }

    private var entries = Deque<Entry>()
    /// The delivery tag of the first entry. Tags number the publishes of a channel from 1.
    private var firstTag: UInt64 = 1

    package init() {}

    /// The number of messages that are unconfirmed or were published after an unconfirmed one.
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

    /// Applies a basic.ack, basic.nack or basic.return; ignores other events.
    ///
    /// - Returns: the resolved messages with their outcomes.
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

    /// Records a basic.return. It precedes the confirm of its message, so the message is an unresolved one.
    package mutating func returned(messageID: String?) {
        let index = entries.firstIndex { $0.messageID == messageID && $0.waiter != nil && !$0.wasReturned }
        if let index { entries[index].wasReturned = true }
    }

    /// Resolves the messages of a basic.ack or basic.nack. Ignores an unknown tag.
    ///
    /// - Parameters:
    ///   - tag: the delivery tag.
    ///   - multiple: whether the tag covers all messages up to and including it.
    ///   - confirmed: true for an ack, false for a nack.
    /// - Returns: the resolved messages with their outcomes.
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

    /// Sets the deadline of every unconfirmed message.
    package mutating func extendDeadlines(to deadline: ContinuousClock.Instant) {
        for index in entries.indices { entries[index].deadline = deadline }
    }

    /// Removes all messages and restarts the numbering, as for a new channel.
    ///
    /// - Returns: the waiters of the unresolved messages, in publishing order.
    package mutating func reset() -> [Waiter] {
        defer { self = ConfirmLedger() }
        return entries.compactMap(\.waiter)
    }
}

/// The broker's response to a published message.
package enum PublishOutcome: Hashable, Sendable {
    /// basic.ack: the broker has stored the message.
    case confirmed
    /// basic.nack: the broker could not store the message.
    case refused
    /// basic.return, then basic.ack: the broker confirmed the message, but it was routed to no queue.
    case unroutable
}
