internal import Broker
internal import Claims
internal import RuntimeSupport

/// A look into the dead-letter queue: everything that lies there, in hand, until it is closed.
///
/// AMQP can't read without taking. So a look takes everything without acknowledging it, and closing gives it all back
/// but for what was removed meanwhile; whoever is killed in the middle gives it back with the end of its connection.
/// Two who look at once would each see a part, hence the lock: a queue that belongs to one connection alone.
final class DeadLetterQueue {
    /// A message in hand.
    struct Held: Sendable {
        let letter: DeadLetter
        fileprivate let consumer: Int
        fileprivate let tag: UInt64
    }

    private let stores: StoreSettings
    /// Holds the lock and asks how many there are.
    private let control: AMQPConnection
    /// Each has a connection of its own: what arrives for one while another is asked for something would pile up in the
    /// library.
    private var consumers: [AMQPConnection] = []
    /// In the order of death.
    private(set) var held: [Held] = []
    /// The consumers that something was removed from.
    private var removing: Set<Int> = []
    private var isClosed = false
    private let signal = WakeSignal()

    private static let channel: UInt16 = 1
    /// Many consumers with a few thousand each are read in two thirds of the time of few with many: the broker makes
    /// one block of all that a consumer gets. More than 16 bits of it AMQP can't count.
    private static func share(of messages: Int) -> Int { min(max(messages / 32, 2000), Int(UInt16.max)) }
    /// The broker sends what is there in one go; it has gone wrong if it pauses for so long.
    private static let longestPause = Duration.seconds(10)

    /// Waits for whoever looks at present, then takes everything in hand.
    ///
    /// - Parameter notice: told what takes its time, for the person at the terminal.
    /// - Throws: ``BrokerError``.
    init(_ stores: StoreSettings, notice: (String) -> Void = { _ in }) throws(BrokerError) {
        self.stores = stores
        control = try Self.connection(stores)
        try lock(notice)
        guard try control.depth(of: Topology.deadQueue, channel: Self.channel) != nil else {
            throw BrokerError(
                .refused(code: 404), "there is no queue \(Topology.deadQueue) yet; start ClaimAPI or a ClaimWorker")
        }
        try read(notice)
    }

    private static func connection(_ stores: StoreSettings) throws(BrokerError) -> AMQPConnection {
        try AMQPConnection(anyOf: stores.brokers, heartbeat: 60, name: "claimctl dlq")
    }

    /// What lies in the queue, in the order of death. Nothing is changed by it.
    static func letters(
        _ stores: StoreSettings, notice: (String) -> Void = { _ in }
    ) throws(BrokerError) -> [DeadLetter] {
        let queue = try DeadLetterQueue(stores, notice: notice)
        defer { queue.close() }
        return queue.held.map(\.letter)
    }

    /// Takes messages out of the queue, for good once ``close()`` has been called.
    func remove(_ messages: [Held]) throws(BrokerError) {
        for message in messages {
            try consumers[message.consumer].acknowledge(message.tag, multiple: false, channel: Self.channel)
            removing.insert(message.consumer)
        }
    }

    /// Answers the broker's heartbeats. Whoever works for long with messages in hand calls it now and then, or the broker
    /// takes them away.
    ///
    /// - Throws: ``BrokerError`` if they were taken away.
    func keepAlive() throws(BrokerError) {
        for connection in [control] + consumers {
            // What arrives meanwhile was not there at the look; closing gives it back.
            while try connection.nextEvent() != nil {}
        }
    }

    /// Gives everything back that was not removed.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for index in removing { flushAcknowledgements(consumers[index]) }
        for consumer in consumers { consumer.close() }
        // The lock goes last: whoever gets it finds everything there again.
        control.close()
    }

    /// Waits until the queue has carried out a connection's acknowledgements.
    ///
    /// The broker's channel sends them on to the queue a few at a time and forgets the rest when it is closed. Subscribing
    /// is a command to the queue that is answered when it and all before it are carried out; then the rest is sent on,
    /// and the second time it is carried out as well.
    private func flushAcknowledgements(_ consumer: AMQPConnection) {
        for _ in 0..<2 {
            // Without a broker they are lost, and the messages lie there still; whoever comes again takes them out.
            try? consumer.consume(Topology.deadQueue, prefetch: 1, channel: Self.channel)
        }
    }

    // MARK: Taking

    private func lock(_ notice: (String) -> Void) throws(BrokerError) {
        let begin = ContinuousClock.now
        var wasTold = false
        while true {
            try control.openChannel(Self.channel)
            if try control.declareExclusiveQueue(Topology.deadLock, channel: Self.channel) { return }
            if !wasTold, ContinuousClock.now - begin > .seconds(2) {
                notice("another claimctl has the dead-letter queue in hand; waiting for it")
                wasTold = true
            }
            // The broker tells nobody when a lock is free.
            signal.wait(atMost: .milliseconds(30))
        }
    }

    /// Takes one message, and learns how many there are besides, once nobody else has some in hand.
    ///
    /// A leader that is too busy to answer in time counts as an empty queue without consumers in the broker's answer. So
    /// only an answer that knows of this look's own consumers is believed.
    private func probe(_ notice: (String) -> Void) throws(BrokerError) -> Int {
        try subscribe(prefetch: 1)
        let begin = ContinuousClock.now
        var wasTold = false
        while true {
            let (messages, others) = try depth()
            // One that was killed while it looked gives its messages back with the end of its consumers.
            if others == 0 { return messages }
            let waited = ContinuousClock.now - begin
            guard waited < Self.patienceWithOthers else {
                notice("another program consumes from \(Topology.deadQueue); what it has in hand is not seen here")
                return messages
            }
            if !wasTold, waited > .seconds(2) {
                notice("somebody else has messages of \(Topology.deadQueue) in hand; waiting for them")
                wasTold = true
            }
            signal.wait(atMost: .milliseconds(10))
        }
    }

    /// A broker under load takes some seconds to see that a client has died.
    private static let patienceWithOthers = Duration.seconds(30)

    /// How many messages nobody has in hand, and how many consumers are not this look's own.
    private func depth() throws(BrokerError) -> (messages: Int, others: Int) {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            guard let depth = try control.depth(of: Topology.deadQueue, channel: Self.channel) else { break }
            if depth.consumers >= consumers.count { return (depth.messages, depth.consumers - consumers.count) }
            signal.wait(atMost: .milliseconds(20))
        }
        throw BrokerError(.timeout, "the broker does not say how many messages lie in \(Topology.deadQueue)")
    }

    private func subscribe(prefetch: Int) throws(BrokerError) {
        let consumer = try Self.connection(stores)
        try consumer.openChannel(Self.channel)
        try consumer.consume(Topology.deadQueue, prefetch: UInt16(prefetch), channel: Self.channel)
        consumers.append(consumer)
    }

    private func read(_ notice: (String) -> Void) throws(BrokerError) {
        var rest = try probe(notice)
        let share = Self.share(of: rest)
        var nextNotice = ContinuousClock.now + .seconds(3)
        // What arrives meanwhile is seen too, but nobody waits for a stream that never ends.
        for _ in 0..<3 where rest > 0 {
            // All consumers have what they may have, so each new one gets of the rest.
            let expected = held.count + rest + (held.isEmpty ? 1 : 0)
            for _ in 0..<((rest + share - 1) / share) { try subscribe(prefetch: share) }
            var lastArrival = ContinuousClock.now
            while held.count < expected {
                let now = ContinuousClock.now
                if try takeWhatIsThere() {
                    lastArrival = now
                } else if now - lastArrival > Self.longestPause {
                    throw BrokerError(
                        .timeout, "the broker handed out \(held.count) of \(expected) messages and then nothing more")
                } else {
                    consumers[0].wait(
                        orSignal: signal, orSockets: consumers.dropFirst().map(\.socket), atMost: .milliseconds(500))
                }
                if now > nextNotice {
                    notice("\(held.count) of \(expected) messages read")
                    nextNotice += .seconds(3)
                }
            }
            rest = try depth().messages
        }
        // Any answer on the first consumer's channel comes after the one message that it may have got.
        _ = try consumers[0].depth(of: Topology.deadQueue, channel: Self.channel)
        _ = try takeWhatIsThere()
        held.sort { DeadLetter.diedBefore($0.letter, $1.letter) }
    }

    /// - Returns: whether there was something.
    private func takeWhatIsThere() throws(BrokerError) -> Bool {
        let before = held.count
        for (index, consumer) in consumers.enumerated() {
            // Not until it is empty: the others' buffers fill meanwhile.
            for _ in 0..<1000 {
                guard let event = try consumer.nextEvent() else { break }
                guard case .delivered(let delivery, _) = event else { continue }
                held.append(Held(letter: DeadLetter(delivery.message), consumer: index, tag: delivery.tag))
            }
        }
        return held.count > before
    }
}
