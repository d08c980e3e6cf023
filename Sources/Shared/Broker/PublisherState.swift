internal import DequeModule

/// Why a message was not accepted. Nothing was lost: whoever sent it was told, and may send it again.
package enum PublishError: Error, Hashable, Sendable {
    /// There is no connection to the broker at present.
    case unreachable
    /// The connection was lost before the confirm came; the message may or may not be stored.
    case connectionLost
    /// The broker takes no messages: a memory or disk alarm.
    case blocked
    /// basic.nack.
    case refused
    /// The broker has no queue for it.
    case unroutable
    /// No confirm in time; the message may or may not be stored.
    case timeout
    /// Too many requests wait already.
    case queueFull
    /// This process is about to end.
    case stopping
}

/// What the publisher's callers and its thread share: who waits to be published and who for a confirm.
///
/// Pure: no connection, no clock, no lock of its own. Every transition says whom to tell, and the caller tells them
/// after the lock is released.
struct PublisherState<Waiter> {
    struct Request {
        var message: BrokerMessage
        var exchange: String
        var routingKey: String
        var deadline: ContinuousClock.Instant
        var waiter: Waiter
    }

    /// Where the connection stands.
    enum Phase: Hashable {
        case disconnected(reason: String)
        case open
        case blocked(reason: String)
        case stopping
    }

    private(set) var phase = Phase.disconnected(reason: "connecting")
    private var waiting = Deque<Request>()
    private var ledger = ConfirmLedger<Waiter>()
    /// A message was published and not confirmed in time: the connection is of no use any more.
    private(set) var isStalled = false
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// How many wait to be published.
    var waitingCount: Int { waiting.count }

    /// How many are not settled yet.
    var unsettled: Int { waiting.count + ledger.count }

    /// Queues a request.
    ///
    /// - Returns: why it was not taken; nil if it was.
    mutating func enqueue(_ request: Request) -> PublishError? {
        switch phase {
        case .disconnected: return .unreachable
        case .blocked: return .blocked
        case .stopping: return .stopping
        case .open:
            guard unsettled < capacity else { return .queueFull }
            waiting.append(request)
            return nil
        }
    }

    /// Hands out what is waiting, noted down as published: the ledger must know a tag before its confirm can come.
    mutating func takeWaiting(atMost limit: Int) -> [Request] {
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        for request in taken {
            _ = ledger.publish(
                messageID: request.message.properties.messageID, deadline: request.deadline, waiter: request.waiter)
        }
        return taken
    }

    mutating func settle(
        tag: UInt64, multiple: Bool, confirmed: Bool
    ) -> [(waiter: Waiter, outcome: ConfirmLedger<Waiter>.Outcome)] {
        ledger.settle(tag: tag, multiple: multiple, confirmed: confirmed)
    }

    mutating func returned(messageID: String?) {
        ledger.returned(messageID: messageID)
    }

    mutating func connected() {
        if phase != .stopping { phase = .open }
        isStalled = false
    }

    /// - Returns: who waited to be published; whoever waits for a confirm may still get it.
    mutating func blocked(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .blocked(reason: reason) }
        defer { waiting.removeAll() }
        return waiting.map(\.waiter)
    }

    mutating func unblocked() {
        if case .blocked = phase { phase = .open }
    }

    /// - Returns: everybody, since the numbering of confirms is gone with the channel.
    mutating func disconnected(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .disconnected(reason: reason) }
        isStalled = false
        defer { waiting.removeAll() }
        return ledger.reset() + waiting.map(\.waiter)
    }

    /// Takes nothing new; what is under way may still be confirmed.
    mutating func stop() {
        phase = .stopping
    }

    /// - Returns: who has waited too long.
    mutating func expire(now: ContinuousClock.Instant) -> [Waiter] {
        let unconfirmed = ledger.expire(now: now)
        // While it is blocked, silence is what the broker announced, and a new connection would fare no better.
        if !unconfirmed.isEmpty, phase == .open { isStalled = true }
        var late = unconfirmed
        while let first = waiting.first, first.deadline <= now {
            waiting.removeFirst()
            late.append(first.waiter)
        }
        return late
    }
}
