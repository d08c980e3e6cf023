internal import OrderedCollections
package import RuntimeSupport

/// Publishes messages on a dedicated connection and reports the publisher confirm of each. It is not `Sendable`: one
/// thread uses it at a time.
///
/// Consumers use another connection: during a memory or disk alarm the broker stops reading from every connection that
/// publishes, and would not receive acknowledgements on it either.
package final class ConfirmedPublisher<Waiter> {
    private static var channel: UInt16 { 1 }
    /// How long a connection is kept after a refused message. It is longer than the election of a queue's leader.
    ///
    /// A channel of RabbitMQ 3.10 that is opened just after a node was lost may refuse every message to a queue whose
    /// leader was on that node, until the node is back. A new channel finds the queue's new leader.
    private static var refusalPatience: Duration { .milliseconds(500) }

    private let connection: AMQPConnection
    private let confirmTimeout: Duration
    private var ledger = ConfirmLedger<Waiter>()
    /// An error that ``receive()`` met after it had resolved messages. The next ``receive()`` throws it.
    private var pendingError: BrokerError?
    /// When the broker first refused a message of this connection; nil if it has refused none.
    private var refusedSince: ContinuousClock.Instant?
    /// The broker's reason for blocking publishers, a memory or disk alarm; nil if the connection is not blocked.
    package private(set) var blockedReason: String?

    /// Connects to the first reachable address and enables publisher confirms.
    ///
    /// - Parameters:
    ///   - addresses: at least one, tried in order.
    ///   - heartbeat: the heartbeat timeout in seconds.
    ///   - name: the connection name in `rabbitmqctl list_connections`.
    ///   - confirmTimeout: the longest wait for a confirm before the connection counts as lost.
    ///   - prepare: declares the exchanges and queues that the messages need, on the given channel.
    /// - Throws: ``BrokerError``.
    package init(
        anyOf addresses: [BrokerAddress], heartbeat: Int, name: String, confirmTimeout: Duration,
        prepare: (AMQPConnection, UInt16) throws(BrokerError) -> Void = { _, _ throws(BrokerError) in }
    ) throws(BrokerError) {
        self.confirmTimeout = confirmTimeout
        connection = try AMQPConnection(anyOf: addresses, heartbeat: heartbeat, name: name)
        try connection.openChannel(Self.channel)
        try prepare(connection, Self.channel)
        try connection.selectConfirms(channel: Self.channel)
    }

    /// The number of messages that are unconfirmed, or follow an unconfirmed one.
    package var unconfirmed: Int { ledger.count }

    /// The socket, readable when the broker has sent something.
    package var socket: Int32 { connection.socket }

    /// Publishes messages in order.
    ///
    /// - Parameter numbered: whether each message gets the header of ``PublishSequence``. Pass false for messages that
    ///   must arrive unchanged.
    /// - Throws: ``BrokerError``. The messages may or may not have arrived then; ``abandon()`` returns their waiters.
    package func publish(
        _ messages: [(message: OutgoingMessage, waiter: Waiter)], numbered: Bool = true
    ) throws(BrokerError) {
        guard !messages.isEmpty else { return }
        let deadline = ContinuousClock.now + confirmTimeout
        var messages = messages
        // All messages are recorded first, so that none is missing from the ledger if publishing fails halfway.
        for index in messages.indices {
            if numbered {
                messages[index].message.message.properties.headers[PublishSequence.header] =
                    .int64(PublishSequence.next())
            }
            let label = PublishLabel(messages[index].message.message.properties)
            ledger.publish(label, deadline: deadline, waiter: messages[index].waiter)
        }
        try connection.coalescingWrites { () throws(BrokerError) in
            for (outgoing, _) in messages {
                try connection.publish(
                    outgoing.message, exchange: outgoing.exchange, routingKey: outgoing.routingKey,
                    channel: Self.channel)
            }
        }
    }

    /// Processes what the broker has sent, without waiting.
    ///
    /// - Returns: the resolved messages with their outcomes.
    /// - Throws: ``BrokerError`` if the connection is lost, if a confirm is overdue and the connection is not blocked, or
    ///   some time after the broker has refused a message: a new connection may be able to publish it.
    package func receive() throws(BrokerError) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        if let pendingError { throw pendingError }
        var resolved: [(waiter: Waiter, outcome: PublishOutcome)] = []
        do throws(BrokerError) {
            while let event = try connection.nextEvent() { resolved += apply(event) }
            if blockedReason == nil, let deadline = ledger.firstDeadline, deadline <= .now { throw confirmTimeoutError }
            if let refusedSince, refusedSince + Self.refusalPatience <= .now {
                throw BrokerError(.refused(code: 0), "the broker has refused a message (basic.nack)")
            }
        } catch {
            // The resolved messages have left the ledger, so they are reported before the error.
            guard !resolved.isEmpty else { throw error }
            pendingError = error
        }
        return resolved
    }

    private func apply(_ event: BrokerEvent) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        switch event {
        case .blocked(let reason):
            blockedReason = reason
            return []
        case .unblocked:
            blockedReason = nil
            // The broker sends no confirms while it blocks, so the confirm timeout starts again.
            ledger.extendDeadlines(to: .now + confirmTimeout)
            return []
        case .refused:
            refusedSince = refusedSince ?? .now
            return ledger.apply(event)
        case .confirmed, .returned, .delivered, .consumerCancelled:
            return ledger.apply(event)
        }
    }

    private var confirmTimeoutError: BrokerError {
        BrokerError(.timeout, "no publisher confirm within \(confirmTimeout)")
    }

    /// Waits until the broker has sent something, the signal is raised or the time is up.
    ///
    /// The wait can end early, since heartbeats are sent and checked by ``receive()``.
    package func wait(orSignal signal: WakeSignal, atMost time: Duration) {
        connection.wait(orSignal: signal, atMost: time)
    }

    /// Forgets all unconfirmed messages and returns their waiters. The messages may or may not have arrived.
    package func abandon() -> [Waiter] {
        ledger.reset()
    }

    /// Closes the connection.
    package func close() {
        connection.close()
    }
}

extension ConfirmedPublisher where Waiter == Int {
    /// Publishes messages and waits for all their confirms.
    ///
    /// - Parameter numbered: whether each message gets the header of ``PublishSequence``.
    /// - Returns: the indices of the messages that the broker has stored.
    /// - Throws: ``BrokerError``, also if the broker blocks the connection. Some messages may have arrived then.
    package func deliver(
        _ messages: [OutgoingMessage], numbered: Bool = true
    ) throws(BrokerError) -> Set<Int> {
        try publish(messages.enumerated().map { ($1, $0) }, numbered: numbered)
        var confirmed: Set<Int> = []
        while unconfirmed > 0 {
            guard let event = try connection.nextEvent(atMost: confirmTimeout) else { throw confirmTimeoutError }
            for (index, outcome) in apply(event) where outcome == .confirmed { confirmed.insert(index) }
            if let blockedReason {
                throw BrokerError(.timeout, "the broker blocks publishers: \(blockedReason)")
            }
        }
        return confirmed
    }
}
