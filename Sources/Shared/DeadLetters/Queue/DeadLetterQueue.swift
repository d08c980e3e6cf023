internal import Broker
internal import Claims
internal import RuntimeSupport

/// Exclusive access to the dead-letter queue: once read, all its messages are unacknowledged until it is closed.
///
/// AMQP can't read a queue without consuming it. So ``read(_:)`` takes all messages without acknowledging them, and
/// closing returns all but the removed ones. The messages stay in the broker; only one at a time is held here. If the
/// process dies, the broker returns them when the connections end. Two readers at a time would each see a part of the
/// queue, so a lock admits one: a queue that is exclusive to its connection.
package final class DeadLetterQueue {
    /// Which delivery a message is, as its acknowledgement needs it.
    struct Handle: Hashable, Sendable {
        let connection: UInt16
        let channel: UInt16
        let tag: UInt64
    }

    /// An unacknowledged message of the queue.
    struct Entry: Sendable {
        let letter: DeadLetter
        let handle: Handle
    }

    let session: OperatorSession
    /// Holds the lock and asks for the queue's depth.
    let control: AMQPConnection
    /// The connections that consume; see ``read(_:)``.
    var connections: [AMQPConnection] = []
    /// The last channel of each connection.
    var channels: [UInt16] = []
    /// The messages that each connection has subscribed to and not received.
    var awaited: [Int] = []
    /// The number of subscriptions, each on a channel of its own.
    var subscriptions = 0
    /// The messages that were delivered.
    var delivered = 0
    /// The channels with acknowledged messages, by connection.
    private var acknowledging: Set<[UInt16]> = []
    private var isClosed = false
    let signal = WakeSignal()
    private var nextKeepAlive = ContinuousClock.now
    /// Sends and checks the heartbeats of other connections, which reading a long queue would leave without.
    private let alsoKeepAlive: () throws(BrokerError) -> Void

    /// The channel of the control connection.
    static let channel: UInt16 = 1
    /// Other operators are waited for silently this long.
    static let silentWait = Duration.seconds(2)

    /// Waits until no other operator has the queue open.
    ///
    /// - Parameter alsoKeepAlive: sends and checks the heartbeats of a connection that waits while the queue is read.
    /// - Throws: `BrokerError`, or ``DeadLetterError/Code/queueBusy`` after ``OperatorSession/patience``.
    init(
        _ session: OperatorSession,
        alsoKeepAlive: @escaping () throws(BrokerError) -> Void = { () throws(BrokerError) in }
    ) throws {
        self.session = session
        self.alsoKeepAlive = alsoKeepAlive
        control = try session.broker()
        do {
            try lock()
        } catch {
            control.close()
            throw error
        }
        guard try control.depth(of: Topology.deadQueue, channel: Self.channel) != nil else {
            throw BrokerError(
                .refused(code: 404),
                "there is no queue \(Topology.deadQueue) yet; start ClaimAPI or a ClaimWorker to create it")
        }
    }

    private func lock() throws {
        let begin = ContinuousClock.now
        var isNoticed = false
        while true {
            try control.openChannel(Self.channel)
            if try control.declareExclusiveQueue(Topology.deadQueueLock, channel: Self.channel) { return }
            let waited = ContinuousClock.now - begin
            if let patience = session.patience, waited > patience {
                throw DeadLetterError(
                    .queueBusy, "another operator has the dead-letter queue open", nextStep: "try again later")
            }
            if !isNoticed, waited > Self.silentWait {
                session.notice("another operator has the dead-letter queue open; waiting")
                isNoticed = true
            }
            try keepAlive([])
            // The broker does not announce that a lock is free.
            signal.wait(atMost: .milliseconds(30))
        }
    }

    /// Passes every message of the queue to `visit`, in no particular order, and leaves them in the queue.
    ///
    /// - Throws: `BrokerError`, or the error of `visit`.
    package static func forEachLetter(
        _ session: OperatorSession, _ visit: (DeadLetter) throws -> Void
    ) throws {
        let queue = try DeadLetterQueue(session)
        defer { queue.close() }
        try queue.read { try visit($0.letter) }
    }

    /// Acknowledges messages. The broker removes them from the queue by the end of ``close()``.
    func remove(_ removed: [Handle]) throws(BrokerError) {
        for handle in removed {
            try connections[Int(handle.connection)].acknowledge(handle.tag, multiple: false, channel: handle.channel)
            acknowledging.insert([handle.connection, handle.channel])
        }
    }

    /// Sends and checks heartbeats on all connections, if it is time for it. Long work calls it again and again.
    ///
    /// - Throws: `BrokerError` if a connection is lost, and the messages with it.
    func keepAlive() throws(BrokerError) {
        try keepAlive([control] + connections)
    }

    /// The same, without the connections that are read from.
    func keepAliveWhileReading() throws(BrokerError) {
        try keepAlive([control])
    }

    /// Serves these connections and the one that waits.
    private func keepAlive(_ connections: [AMQPConnection]) throws(BrokerError) {
        guard ContinuousClock.now >= nextKeepAlive else { return }
        nextKeepAlive = .now + session.keepAliveInterval
        for connection in connections {
            // Messages that arrive now were not part of the queue when it was read. Closing returns them.
            while try connection.nextEvent() != nil {}
        }
        try alsoKeepAlive()
    }

    /// Returns all messages to the queue that were not removed, and releases the lock.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        for place in acknowledging { flushAcknowledgements(connections[Int(place[0])], channel: place[1]) }
        for connection in connections { connection.close() }
        // The lock is released last, so that the next reader finds all messages.
        control.close()
    }

    /// Waits until the queue has processed a channel's acknowledgements.
    ///
    /// The broker's channel passes acknowledgements on to the queue a few at a time, and drops the rest when the channel
    /// is closed. Subscribing is a command to the queue. Its answer means that the queue has processed this command and
    /// all before it, and the channel then passes on the rest. The second subscription waits for the rest.
    private func flushAcknowledgements(_ connection: AMQPConnection, channel: UInt16) {
        for _ in 0..<2 {
            // If the broker is gone, the messages stay in the queue, and the next run removes them.
            try? connection.consume(Topology.deadQueue, prefetch: 1, channel: channel)
        }
    }
}
