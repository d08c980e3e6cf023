package import Broker

/// Reads the depths of the queues repeatedly over one connection, with one request for each queue.
package struct QueueDepthReader {
    private let connection: AMQPConnection
    /// The queues that existed when the reader was made.
    private let queues: [(name: String, kind: QueueDepths.Kind)]
    private let channel: UInt16
    private var lastDeadLetters = 0

    /// Finds out which queues exist.
    ///
    /// - Parameter lanes: the number of lanes to look for.
    package init(lanes: Int, _ connection: AMQPConnection) throws(BrokerError) {
        self.connection = connection
        queues = try QueueDepths(lanes: lanes, connection).all.map { ($0.name, $0.kind) }
        channel = UInt16(QueueDepths.names(lanes: lanes).count + 1)
        try connection.openChannel(channel)
    }

    /// Asks the broker for the present depths.
    ///
    /// While a program reads the dead-letter queue, the broker does not count the messages that it holds, so the last
    /// number stays.
    /// - Throws: ``BrokerError``, also if a queue does not exist any more.
    package mutating func read() throws(BrokerError) -> QueueDepths {
        var all: [QueueDepths.Queue] = []
        for (name, kind) in queues {
            guard let depth = try connection.depth(of: name, channel: channel) else {
                throw BrokerError(.refused(code: 404), "the queue \(name) was deleted")
            }
            var messages = depth.messages
            if name == Topology.deadQueue {
                if depth.consumers > 0 { messages = lastDeadLetters } else { lastDeadLetters = messages }
            }
            all.append(QueueDepths.Queue(name: name, kind: kind, messages: messages))
        }
        return QueueDepths(all)
    }
}
