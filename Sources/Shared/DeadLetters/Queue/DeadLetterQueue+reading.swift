internal import Broker
internal import Claims
internal import RuntimeSupport

extension DeadLetterQueue {
    /// The messages per subscription. The broker reads all that one subscription gets as one block, and answers nothing
    /// until that is done, so the blocks are small. The library keeps a buffer of 128 KiB for each channel, so that there are not
    /// too many.
    private static func size(for messages: Int) -> Int { min(max(messages / 100, 2000), 16_000) }
    /// The broker prepares a block for one connection while the other is read.
    private static let connectionCount = 2
    /// The broker delivers the messages without a pause. A longer one means an error.
    private static let longestPause = Duration.seconds(10)
    /// A broker under load takes some seconds to notice a dead client.
    private static let patienceWithOtherConsumers = Duration.seconds(30)

    /// The number of messages in the queue, before it is read.
    func depth() throws(BrokerError) -> Int { try presence().messages }

    /// Passes every message of the queue to `visit` once, in no particular order. Can be called once.
    ///
    /// It subscribes again and again. Each subscription gets a block of messages that are not acknowledged, and is full
    /// then, so that the next one gets the next block. A connection subscribes again after it has received its block,
    /// because the library would keep all that arrives while it waits for an answer.
    /// - Throws: `BrokerError`, or the error of `visit`.
    func read(_ visit: (Entry) throws -> Void) throws {
        var rest = try takeFirst()
        let size = Self.size(for: rest)
        // Messages that arrive during the reading are read too, but at most three rounds, so that reading always ends.
        for _ in 0..<3 where rest > 0 {
            try take(rest + (delivered == 0 ? 1 : 0), inBlocksOf: size, visit)
            rest = try presence().messages
            // Messages are left over, so every subscription is full.
            awaited = awaited.map { _ in 0 }
        }
        // Any answer on the first channel follows the one message that the first subscription may have got.
        _ = try connections[0].depth(of: Topology.deadQueue, channel: 1)
        try takeDelivered(visit)
    }

    private func take(_ count: Int, inBlocksOf size: Int, _ visit: (Entry) throws -> Void) throws {
        let expected = delivered + count
        var requested = delivered + awaited.reduce(0, +)
        var lastArrival = ContinuousClock.now
        while delivered < expected {
            while requested < expected, let index = idleConnection {
                try subscribe(index, prefetch: size)
                requested += size
            }
            let before = delivered
            try takeDelivered(visit)
            if delivered > before {
                lastArrival = .now
            } else if .now - lastArrival > Self.longestPause {
                throw BrokerError(
                    .timeout,
                    "the broker delivered \(delivered) of \(expected) messages and then none for \(Self.longestPause)")
            } else {
                connections[0].wait(
                    orSignal: signal, orSockets: connections.dropFirst().map(\.socket), atMost: .milliseconds(500))
            }
            session.progress(.init(.reading, done: delivered, total: expected))
            try keepAliveWhileReading()
        }
    }

    /// Takes one message, waits until there are no other consumers, and returns the number of further messages.
    private func takeFirst() throws(BrokerError) -> Int {
        try subscribe(0, prefetch: 1)
        let begin = ContinuousClock.now
        var isNoticed = false
        while true {
            let (messages, others) = try presence()
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
            try keepAliveWhileReading()
            signal.wait(atMost: .milliseconds(10))
        }
    }

    /// Returns the number of messages without a consumer, and the number of consumers of other programs.
    ///
    /// If the queue's leader is too busy to answer in time, the broker reports an empty queue without consumers. So an
    /// answer counts only if it includes the own consumers.
    private func presence() throws(BrokerError) -> (messages: Int, others: Int) {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            guard let depth = try control.depth(of: Topology.deadQueue, channel: Self.channel) else { break }
            if depth.consumers >= subscriptions { return (depth.messages, depth.consumers - subscriptions) }
            signal.wait(atMost: .milliseconds(20))
        }
        throw BrokerError(.timeout, "the broker did not report the depth of \(Topology.deadQueue)")
    }

    /// A connection that has received all that it subscribed to, or one that is not open yet; nil if there is none.
    private var idleConnection: Int? {
        awaited.firstIndex(of: 0) ?? (awaited.count < Self.connectionCount ? awaited.count : nil)
    }

    private func subscribe(_ index: Int, prefetch: Int) throws(BrokerError) {
        if index == connections.count {
            connections.append(try session.broker())
            channels.append(0)
            awaited.append(0)
        }
        channels[index] += 1
        try connections[index].openChannel(channels[index])
        try connections[index].consume(Topology.deadQueue, prefetch: UInt16(prefetch), channel: channels[index])
        awaited[index] = prefetch
        subscriptions += 1
    }

    /// Passes on the messages that have arrived.
    private func takeDelivered(_ visit: (Entry) throws -> Void) throws {
        for (index, connection) in connections.enumerated() {
            // A limited number each, because the other connection's buffers fill at the same time.
            for _ in 0..<1000 {
                guard let event = try connection.nextEvent() else { break }
                guard case .delivered(let delivery, let channel) = event else { continue }
                delivered += 1
                awaited[index] = max(0, awaited[index] - 1)
                let handle = Handle(connection: UInt16(index), channel: channel, tag: delivery.tag)
                try visit(Entry(letter: DeadLetter(delivery.message), handle: handle))
            }
        }
    }
}
