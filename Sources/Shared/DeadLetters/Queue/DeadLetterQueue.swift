package import Broker
internal import Claims
internal import RuntimeSupport

/// Exclusive access to the dead-letter queue: holds all its messages unacknowledged until it is closed.
///
/// AMQP can't read a queue without consuming it. So opening takes all messages without acknowledging them, and closing
/// returns all but the removed ones. If the process dies, the broker returns them when the connections end. Two readers
/// at a time would each see a part of the queue, so a lock admits one: a queue that is exclusive to its connection.
package final class DeadLetterQueue {
    /// An unacknowledged message of the queue.
    struct Entry: Sendable {
        let letter: DeadLetter
        fileprivate let consumer: Int
        fileprivate let tag: UInt64
    }

    private let session: OperatorSession
    /// Holds the lock and asks for the queue's depth.
    private let control: AMQPConnection
    /// Each has its own connection: while one waits for an answer, the library would buffer the others' deliveries.
    private var consumers: [AMQPConnection] = []
    /// The messages in the order of death.
    private(set) var entries: [Entry] = []
    /// The consumers with acknowledged messages.
    private var acknowledging: Set<Int> = []
    private var isClosed = false
    private let signal = WakeSignal()

    private static let channel: UInt16 = 1

    /// Waits until no other operator has the queue open, then takes all messages.
    ///
    /// - Throws: `BrokerError`.
    init(_ session: OperatorSession) throws(BrokerError) {
        self.session = session
        control = try session.broker()
        try lock()
        guard try control.depth(of: Topology.deadQueue, channel: Self.channel) != nil else {
            throw BrokerError(
                .refused(code: 404),
                "there is no queue \(Topology.deadQueue) yet; start ClaimAPI or a ClaimWorker to create it")
        }
        try read()
    }

    /// Returns the messages in the queue in the order of death, and leaves them there.
    ///
    /// - Throws: `BrokerError`.
    package static func letters(_ session: OperatorSession) throws(BrokerError) -> [DeadLetter] {
        let queue = try DeadLetterQueue(session)
        defer { queue.close() }
        return queue.entries.map(\.letter)
    }

    /// Returns the messages that an operator means by an id, message id or fingerprint, in the order of death.
    ///
    /// - Throws: ``DeadLetterError/Code/nothingMatched`` if there is none, or `BrokerError`.
    package static func letters(id: String, _ session: OperatorSession) throws -> [DeadLetter] {
        let found = try letters(session).filter { $0.matches(id: id) }
        guard !found.isEmpty else {
            throw DeadLetterError(.nothingMatched, "no message \(id) in the dead-letter queue")
        }
        return found
    }

    /// Acknowledges messages. The broker removes them from the queue by the end of ``close()``.
    func remove(_ removed: [Entry]) throws(BrokerError) {
        for entry in removed {
            try consumers[entry.consumer].acknowledge(entry.tag, multiple: false, channel: Self.channel)
            acknowledging.insert(entry.consumer)
        }
    }

    /// Sends and checks heartbeats on all connections. Long work calls it at least every 30 seconds.
    ///
    /// - Throws: `BrokerError` if a connection is lost, and the messages with it.
    func keepAlive() throws(BrokerError) {
        for connection in [control] + consumers {
            // Messages that arrive now were not part of the queue when it was read. Closing returns them.
            while try connection.nextEvent() != nil {}
        }
    }

    /// Returns all messages to the queue that were not removed, and releases the lock.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for index in acknowledging { flushAcknowledgements(consumers[index]) }
        for consumer in consumers { consumer.close() }
        // The lock is released last, so that the next reader finds all messages.
        control.close()
    }

    /// Waits until the queue has processed a connection's acknowledgements.
    ///
    /// The broker's channel passes acknowledgements on to the queue a few at a time, and drops the rest when the channel
    /// is closed. Subscribing is a command to the queue. Its answer means that the queue has processed this command and
    /// all before it, and the channel then passes on the rest. The second subscription waits for the rest.
    private func flushAcknowledgements(_ consumer: AMQPConnection) {
        for _ in 0..<2 {
            // If the broker is gone, the messages stay in the queue, and the next run removes them.
            try? consumer.consume(Topology.deadQueue, prefetch: 1, channel: Self.channel)
        }
    }
}

// MARK: Reading

extension DeadLetterQueue {
    /// The messages per consumer. The broker builds one block of all that one consumer gets, so many consumers with a
    /// few thousand messages each take two thirds of the time of few with many. AMQP limits the prefetch to 16 bits.
    private static func prefetch(for messages: Int) -> Int { min(max(messages / 32, 2000), Int(UInt16.max)) }
    /// The broker delivers the messages without a pause. A longer one means an error.
    private static let longestPause = Duration.seconds(10)
    /// Other operators are waited for silently this long.
    private static let silentWait = Duration.seconds(2)
    /// A broker under load takes some seconds to notice a dead client.
    private static let patienceWithOtherConsumers = Duration.seconds(30)

    private func lock() throws(BrokerError) {
        let begin = ContinuousClock.now
        var isNoticed = false
        while true {
            try control.openChannel(Self.channel)
            if try control.declareExclusiveQueue(Topology.deadQueueLock, channel: Self.channel) { return }
            if !isNoticed, ContinuousClock.now - begin > Self.silentWait {
                session.notice("another operator has the dead-letter queue open; waiting")
                isNoticed = true
            }
            // The broker does not announce that a lock is free.
            signal.wait(atMost: .milliseconds(30))
        }
    }

    private func read() throws(BrokerError) {
        var rest = try takeFirst()
        let prefetch = Self.prefetch(for: rest)
        var nextNotice = ContinuousClock.now + .seconds(3)
        // Messages that arrive meanwhile are read too, but at most three rounds, so that reading always ends.
        for _ in 0..<3 where rest > 0 {
            // All present consumers are full, so each new one gets its share of the rest.
            let expected = entries.count + rest + (entries.isEmpty ? 1 : 0)
            for _ in 0..<((rest + prefetch - 1) / prefetch) { try subscribe(prefetch: prefetch) }
            var lastArrival = ContinuousClock.now
            while entries.count < expected {
                let now = ContinuousClock.now
                if try takeDelivered() {
                    lastArrival = now
                } else if now - lastArrival > Self.longestPause {
                    throw BrokerError(
                        .timeout,
                        "the broker delivered \(entries.count) of \(expected) messages and then none for "
                            + "\(Self.longestPause)")
                } else {
                    consumers[0].wait(
                        orSignal: signal, orSockets: consumers.dropFirst().map(\.socket), atMost: .milliseconds(500))
                }
                if now > nextNotice {
                    session.notice("\(entries.count) of \(expected) messages read")
                    nextNotice += .seconds(3)
                }
            }
            rest = try depth().messages
        }
        // Any answer on the first consumer's channel follows the one message that the consumer may have got.
        _ = try consumers[0].depth(of: Topology.deadQueue, channel: Self.channel)
        _ = try takeDelivered()
        entries.sort { DeadLetter.diedBefore($0.letter, $1.letter) }
    }

    /// Takes one message, waits until there are no other consumers, and returns the number of further messages.
    private func takeFirst() throws(BrokerError) -> Int {
        try subscribe(prefetch: 1)
        let begin = ContinuousClock.now
        var isNoticed = false
        while true {
            let (messages, others) = try depth()
            // A reader that was killed returns its messages with the end of its consumers.
            if others == 0 { return messages }
            let waited = ContinuousClock.now - begin
            guard waited < Self.patienceWithOtherConsumers else {
                session.notice(
                    "another program consumes from \(Topology.deadQueue); its unacknowledged messages are not shown")
                return messages
            }
            if !isNoticed, waited > Self.silentWait {
                session.notice("another program has unacknowledged messages of \(Topology.deadQueue); waiting")
                isNoticed = true
            }
            signal.wait(atMost: .milliseconds(10))
        }
    }

    /// Returns the number of messages without a consumer, and the number of consumers of other programs.
    ///
    /// If the queue's leader is too busy to answer in time, the broker reports an empty queue without consumers. So an
    /// answer counts only if it includes the own consumers.
    private func depth() throws(BrokerError) -> (messages: Int, others: Int) {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            guard let depth = try control.depth(of: Topology.deadQueue, channel: Self.channel) else { break }
            if depth.consumers >= consumers.count { return (depth.messages, depth.consumers - consumers.count) }
            signal.wait(atMost: .milliseconds(20))
        }
        throw BrokerError(.timeout, "the broker did not report the depth of \(Topology.deadQueue)")
    }

    private func subscribe(prefetch: Int) throws(BrokerError) {
        let consumer = try session.broker()
        try consumer.openChannel(Self.channel)
        try consumer.consume(Topology.deadQueue, prefetch: UInt16(prefetch), channel: Self.channel)
        consumers.append(consumer)
    }

    /// Takes the messages that have arrived.
    ///
    /// - Returns: whether there were any.
    private func takeDelivered() throws(BrokerError) -> Bool {
        let before = entries.count
        for (index, consumer) in consumers.enumerated() {
            // A limited number each, because the other connections' buffers fill meanwhile.
            for _ in 0..<1000 {
                guard let event = try consumer.nextEvent() else { break }
                guard case .delivered(let delivery, _) = event else { continue }
                entries.append(Entry(letter: DeadLetter(delivery.message), consumer: index, tag: delivery.tag))
            }
        }
        return entries.count > before
    }
}
