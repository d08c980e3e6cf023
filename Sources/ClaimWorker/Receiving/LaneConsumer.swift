import Broker
import Claims
import RuntimeSupport

/// A lane's subscription to its work queue: receives jobs and acknowledges them.
///
/// Nothing is published on its connection: a broker with a memory or disk alarm stops reading from every connection that
/// publishes, acknowledgements included.
final class LaneConsumer {
    private static let channel: UInt16 = 1

    private let connection: AMQPConnection
    private var acks = AckLedger()

    /// Connects, declares the queues and subscribes.
    ///
    /// - Throws: ``BrokerError``.
    init(to address: BrokerAddress, lane: Int, settings: WorkerSettings) throws(BrokerError) {
        connection = try AMQPConnection(
            address, heartbeat: settings.heartbeat, name: "ClaimWorker \(settings.name) lane \(lane)")
        try connection.openChannel(Self.channel)
        try Topology(lanes: settings.stores.lanes, retries: settings.retries.delays.count)
            .declare(on: connection, channel: Self.channel)
        try connection.consume(
            Topology.workQueue(lane: lane), prefetch: settings.messagePrefetch, channel: Self.channel)
    }

    /// Returns the jobs that the broker has delivered, without waiting.
    ///
    /// - Throws: ``BrokerError`` when the connection or the subscription is lost.
    func receive() throws(BrokerError) -> [Job] {
        var jobs: [Job] = []
        while let event = try connection.nextEvent() {
            switch event {
            case .delivered(let delivery, _):
                let claims = Job.all(in: delivery)
                acks.delivered(delivery.tag, parts: claims.count)
                jobs += claims
            case .consumerCancelled:
                throw BrokerError(.refused(code: 0), "the broker cancelled the subscription")
            case .confirmed, .refused, .returned, .blocked, .unblocked:
                break
            }
        }
        return jobs
    }

    /// The number of claims that are delivered and not finished.
    var unacknowledged: Int { acks.count }

    /// Acknowledges the messages that have no other unfinished jobs, with as few acknowledgements as possible.
    ///
    /// - Throws: ``BrokerError``; the jobs may be delivered again.
    func acknowledge(_ jobs: [Job]) throws(BrokerError) {
        for ack in acks.finish(jobs.map(\.part)) {
            try connection.acknowledge(ack.tag, multiple: ack.multiple, channel: Self.channel)
        }
    }

    /// Waits until the broker has sent something, the signal is raised, or the time is up.
    ///
    /// - Parameter other: the socket of another connection to watch as well.
    func wait(orSignal signal: WakeSignal, orSocket other: Int32? = nil, atMost time: Duration) {
        connection.wait(orSignal: signal, orSockets: other.map { [$0] } ?? [], atMost: time)
    }

    /// Closes the connection. The broker returns all unacknowledged messages to the queue.
    func close() {
        connection.close()
    }
}
