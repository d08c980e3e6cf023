internal import OrderedCollections
package import RuntimeSupport

/// Publishes messages on a connection of its own and reports the broker's confirm of each.
///
/// It belongs to the thread that made it. The connection is its own because a broker with a memory or disk alarm stops
/// reading from every connection that publishes, acknowledgements included.
package final class ConfirmedPublisher<Waiter> {
    private static var channel: UInt16 { 1 }

    private let connection: AMQPConnection
    private let confirmTimeout: Duration
    private var ledger = ConfirmLedger<Waiter>()
    /// An error that ``receive()`` met after it had resolved messages; its next call throws it.
    private var pendingError: BrokerError?
    /// Why the broker takes no messages at present: a memory or disk alarm; nil if it takes them.
    package private(set) var blockedReason: String?

    /// Connects to the first of several addresses that answers, and selects publisher confirms.
    ///
    /// - Parameters:
    ///   - heartbeat: seconds.
    ///   - name: shown by `rabbitmqctl list_connections`.
    ///   - confirmTimeout: the longest wait for a confirm before the connection counts as lost.
    ///   - prepare: declares what the messages need, on the given channel.
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

    /// The number of messages that are published and not confirmed.
    package var unconfirmed: Int { ledger.count }

    /// The socket, to watch for confirms.
    package var socket: Int32 { connection.socket }

    /// Publishes messages in order, numbered by ``PublishSequence`` unless they are to stay as they are.
    ///
    /// - Parameter numbered: whether each message gets the next sequence number.
    /// - Throws: ``BrokerError``; ``abandon()`` returns those that may or may not have arrived.
    package func publish(
        _ messages: [(message: OutgoingMessage, waiter: Waiter)], numbered: Bool = true
    ) throws(BrokerError) {
        guard !messages.isEmpty else { return }
        let deadline = ContinuousClock.now + confirmTimeout
        // All of them are recorded first, so that none is forgotten when the connection breaks in between.
        for (message, waiter) in messages {
            ledger.publish(messageID: message.message.properties.messageID, deadline: deadline, waiter: waiter)
        }
        try connection.gathered { () throws(BrokerError) in
            for (outgoing, _) in messages {
                var message = outgoing.message
                if numbered { message.properties.headers[PublishSequence.header] = .int64(PublishSequence.next()) }
                try connection.publish(
                    message, exchange: outgoing.exchange, routingKey: outgoing.routingKey, channel: Self.channel)
            }
        }
    }

    /// Reads what the broker has sent, without waiting.
    ///
    /// - Returns: the messages that are resolved by it.
    /// - Throws: ``BrokerError`` when the connection is lost, or a confirm is overdue while the broker is not blocked.
    package func receive() throws(BrokerError) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        if let pendingError { throw pendingError }
        var resolved: [(waiter: Waiter, outcome: PublishOutcome)] = []
        do throws(BrokerError) {
            while let event = try connection.nextEvent() { resolved += apply(event) }
            if blockedReason == nil, let deadline = ledger.firstDeadline, deadline <= .now { throw overdue }
        } catch {
            // The resolved messages have left the ledger, so this is the only chance to report them.
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
            // The silence was announced, so the time starts anew.
            ledger.extendDeadlines(to: .now + confirmTimeout)
            return []
        case .confirmed, .refused, .returned, .delivered, .consumerCancelled:
            return ledger.apply(event)
        }
    }

    private var overdue: BrokerError {
        BrokerError(.timeout, "no publisher confirm within \(confirmTimeout)")
    }

    /// Waits until the broker has sent something, the signal is raised, or the time is up.
    package func wait(orSignal signal: WakeSignal, atMost time: Duration) {
        connection.wait(orSignal: signal, atMost: time)
    }

    /// Gives up on everything that is unconfirmed: it may or may not have arrived.
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
    /// - Returns: the indices of the messages that the broker has stored.
    /// - Throws: ``BrokerError``, also when the broker is blocked; some may have arrived then.
    package func deliver(
        _ messages: [OutgoingMessage], numbered: Bool = true
    ) throws(BrokerError) -> Set<Int> {
        try publish(messages.enumerated().map { ($1, $0) }, numbered: numbered)
        var confirmed: Set<Int> = []
        while unconfirmed > 0 {
            guard let event = try connection.nextEvent(atMost: confirmTimeout) else { throw overdue }
            for (index, outcome) in apply(event) where outcome == .confirmed { confirmed.insert(index) }
            if let blockedReason {
                throw BrokerError(.timeout, "the broker is not accepting messages: \(blockedReason)")
            }
        }
        return confirmed
    }
}
