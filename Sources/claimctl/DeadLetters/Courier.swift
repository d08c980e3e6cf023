import OrderedCollections
import Shared

/// Publishes messages one batch after another and waits until the broker has each of them.
///
/// On a connection of its own: a broker with a memory alarm reads nothing more from a connection that publishes, and
/// what was consumed elsewhere can still be given back.
final class Courier {
    private static let channel: UInt16 = 1
    private static let confirmTime = Duration.seconds(10)

    private let connection: AMQPConnection
    private var sequence = PublishSequence()
    private var ledger = ConfirmLedger<Int>()

    /// - Throws: ``BrokerError``.
    init(_ stores: StoreSettings) throws(BrokerError) {
        connection = try AMQPConnection(anyOf: stores.brokers, heartbeat: 60, name: "claimctl dlq copies")
        try connection.openChannel(Self.channel)
        try connection.selectConfirms(channel: Self.channel)
    }

    /// A message and where it goes.
    struct Parcel {
        var message: BrokerMessage
        var exchange: String
        var routingKey: String

        /// Back into the dead-letter queue, as it is.
        static func toDeadLetters(_ message: BrokerMessage) -> Parcel {
            Parcel(message: message, exchange: "", routingKey: Topology.deadQueue)
        }

        /// To the lane of its coupon.
        static func toLane(_ lane: Int, _ message: BrokerMessage) -> Parcel {
            Parcel(message: message, exchange: Topology.workExchange, routingKey: Topology.routingKey(lane: lane))
        }
    }

    /// The header by which lanes sort what was returned to them, for one more message.
    func numbered(_ message: BrokerMessage) -> BrokerMessage {
        var message = message
        message.properties.headers[ClaimHeaders.sequence] = .int64(sequence.next())
        return message
    }

    /// Publishes messages and waits for their confirms.
    ///
    /// - Returns: the indices of those that the broker has.
    /// - Throws: ``BrokerError``; some may have arrived then, and nobody knows which.
    func deliver(_ parcels: [Parcel]) throws(BrokerError) -> Set<Int> {
        var confirmed: Set<Int> = []
        for (index, parcel) in parcels.enumerated() {
            _ = ledger.publish(
                messageID: parcel.message.properties.messageID, deadline: .now + Self.confirmTime, waiter: index)
            try connection.publish(
                parcel.message, exchange: parcel.exchange, routingKey: parcel.routingKey, channel: Self.channel)
        }
        while ledger.count > 0 {
            guard let event = try connection.nextEvent(atMost: Self.confirmTime) else {
                throw BrokerError(.timeout, "no publisher confirm within \(Self.confirmTime)")
            }
            switch event {
            case .confirmed(let tag, let multiple):
                for (index, outcome) in ledger.settle(tag: tag, multiple: multiple, confirmed: true)
                where outcome == .confirmed {
                    confirmed.insert(index)
                }
            case .refused(let tag, let multiple):
                _ = ledger.settle(tag: tag, multiple: multiple, confirmed: false)
            case .returned(let messageID, _):
                ledger.returned(messageID: messageID)
            case .blocked(let reason):
                throw BrokerError(.timeout, "the broker takes no messages at present: \(reason)")
            case .unblocked, .delivered, .consumerCancelled:
                break
            }
        }
        return confirmed
    }

    func close() {
        connection.close()
    }
}
