package import Broker

/// The number of ready messages in each of the system's queues.
package struct QueueDepths: Sendable {
    package enum Kind: Hashable, Sendable {
        case lane(Int)
        case retry
        case deadLetters
    }

    package struct Queue: Hashable, Sendable {
        package let name: String
        package let kind: Kind
        /// Messages that no consumer holds.
        package let messages: Int
        /// Each may hold messages that it has not acknowledged.
        package let consumers: Int

        package init(name: String, kind: Kind, messages: Int, consumers: Int = 0) {
            self.name = name
            self.kind = kind
            self.messages = messages
            self.consumers = consumers
        }
    }

    package let all: [Queue]

    package init(_ all: [Queue]) {
        self.all = all
    }

    /// Asks the broker. Queues that do not exist are left out.
    ///
    /// - Parameter lanes: the number of lanes to look for.
    package init(lanes: Int, _ connection: AMQPConnection) throws(BrokerError) {
        var all: [Queue] = []
        for (index, (name, kind)) in Self.names(lanes: lanes).enumerated() {
            // The broker closes the channel if a queue does not exist, so each question has its own.
            let channel = UInt16(index + 1)
            try connection.openChannel(channel)
            if let depth = try connection.depth(of: name, channel: channel) {
                all.append(Queue(name: name, kind: kind, messages: depth.messages, consumers: depth.consumers))
                try connection.closeChannel(channel)
            }
        }
        self.all = all
    }

    /// The names of all queues that may exist.
    static func names(lanes: Int) -> [(String, Kind)] {
        let retries = (0..<Topology.mostRetries).map { (Topology.retry($0), Kind.retry) }
        let dead = [Topology.deadQueue, Topology.brokerDeadLetterQueue].map { ($0, Kind.deadLetters) }
        return (0..<lanes).map { (Topology.workQueue(lane: $0), Kind.lane($0)) } + retries + dead
    }

    /// The lanes outside of a number that hold messages. No worker reads them.
    package func unread(outside lanes: Int) -> [Queue] {
        all.filter { queue in
            guard case .lane(let lane) = queue.kind else { return false }
            return lane >= lanes && queue.messages > 0
        }
    }
}
