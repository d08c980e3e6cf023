import Shared

/// A look into the dead-letter queue: everything that lies there, in hand, until it is closed.
///
/// AMQP can't read without taking. So a look takes everything without acknowledging it, and closing gives it all back
/// but for what was removed meanwhile; whoever is killed in the middle gives it back with the end of its connection.
/// Two who look at once would each see a part, hence the lock: a queue that belongs to one connection alone.
final class DeadLetterQueue {
    /// A message in hand.
    struct Held: Sendable {
        let letter: DeadLetter
        fileprivate let channel: UInt16
        fileprivate let tag: UInt64
    }

    private let connection: AMQPConnection
    /// In the order of death.
    private(set) var held: [Held] = []
    private var isClosed = false

    private static let control: UInt16 = 1
    private static let firstConsumer: UInt16 = 2
    /// The most that one consumer can have in hand: AMQP counts it in 16 bits.
    private static let perConsumer = Int(UInt16.max)
    /// The broker sends what is there in one go; it has gone wrong if it pauses for so long.
    private static let longestPause = Duration.seconds(10)

    /// Waits for whoever looks at present, then takes everything in hand.
    ///
    /// - Parameter notice: told what takes its time, for the person at the terminal.
    /// - Throws: ``BrokerError``.
    init(_ stores: StoreSettings, notice: (String) -> Void = { _ in }) throws(BrokerError) {
        connection = try AMQPConnection(anyOf: stores.brokers, heartbeat: 60, name: "claimctl dlq")
        try lock(notice)
        try read(notice)
    }

    /// What lies in the queue, in the order of death. Nothing is changed by it.
    static func letters(
        _ stores: StoreSettings, notice: (String) -> Void = { _ in }
    ) throws(BrokerError) -> [DeadLetter] {
        let queue = try DeadLetterQueue(stores, notice: notice)
        defer { queue.close() }
        return queue.held.map(\.letter)
    }

    /// Takes messages out of the queue for good.
    func remove(_ messages: [Held]) throws(BrokerError) {
        for message in messages {
            try connection.acknowledge(message.tag, multiple: false, channel: message.channel)
        }
    }

    /// Gives everything back that was not removed.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        connection.close()
    }

    // MARK: Taking

    private func lock(_ notice: (String) -> Void) throws(BrokerError) {
        let begin = ContinuousClock.now
        var wasTold = false
        while true {
            try connection.openChannel(Self.control)
            if try connection.declareExclusiveQueue(Topology.deadLock, channel: Self.control) { return }
            if !wasTold, ContinuousClock.now - begin > .seconds(2) {
                notice("another claimctl has the dead-letter queue in hand; waiting for it")
                wasTold = true
            }
            // The broker tells nobody when a lock is free.
            WakeSignal().wait(atMost: .milliseconds(30))
        }
    }

    /// How many messages lie in the queue, once nobody else has some in hand.
    private func depth(_ notice: (String) -> Void) throws(BrokerError) -> Int {
        let end = ContinuousClock.now + .seconds(5)
        while true {
            guard let depth = try connection.depth(of: Topology.deadQueue, channel: Self.control) else {
                throw BrokerError(
                    .refused(code: 404), "there is no queue \(Topology.deadQueue) yet; start ClaimAPI or a ClaimWorker")
            }
            // One that was killed while it looked gives its messages back a moment after its lock.
            if depth.consumers == 0 { return depth.messages }
            guard ContinuousClock.now < end else {
                notice("another program consumes from \(Topology.deadQueue); what it has in hand is not seen here")
                return depth.messages
            }
            WakeSignal().wait(atMost: .milliseconds(10))
        }
    }

    private func read(_ notice: (String) -> Void) throws(BrokerError) {
        var expected = try depth(notice)
        var consumers = 0
        var nextNotice = ContinuousClock.now + .seconds(3)
        // What arrives meanwhile is seen too, but nobody waits for a stream that never ends.
        for _ in 0..<3 where expected > held.count {
            while consumers * Self.perConsumer < expected {
                let channel = Self.firstConsumer + UInt16(consumers)
                try connection.openChannel(channel)
                try connection.consume(Topology.deadQueue, prefetch: UInt16(Self.perConsumer), channel: channel)
                consumers += 1
            }
            while held.count < expected {
                guard let event = try connection.nextEvent(atMost: Self.longestPause) else {
                    throw BrokerError(
                        .timeout, "the broker handed out \(held.count) of \(expected) messages and then nothing more")
                }
                take(event)
                if ContinuousClock.now > nextNotice {
                    notice("\(held.count) of \(expected) messages read")
                    nextNotice += .seconds(3)
                }
            }
            expected = held.count + (try connection.depth(of: Topology.deadQueue, channel: Self.control)?.messages ?? 0)
            while let event = try connection.nextEvent() { take(event) }
        }
        held.sort { DeadLetter.diedBefore($0.letter, $1.letter) }
    }

    private func take(_ event: BrokerEvent) {
        guard case .delivered(let delivery, let channel) = event else { return }
        held.append(Held(letter: DeadLetter(delivery.message), channel: channel, tag: delivery.tag))
    }
}
