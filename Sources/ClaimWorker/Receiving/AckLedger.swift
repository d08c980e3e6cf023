import DequeModule

/// Tracks which deliveries of a channel are acknowledged, and combines acknowledgements into as few as possible.
///
/// Pure. Jobs finish out of order, since those of a locked coupon wait while others go on.
///
/// <https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter>
struct AckLedger {
    /// One basic.ack.
    struct Ack: Hashable {
        let tag: UInt64
        /// Whether it acknowledges all earlier deliveries as well.
        let multiple: Bool
    }

    private var isAcknowledged = Deque<Bool>()
    /// The tag of the first entry: the oldest unacknowledged delivery.
    private var firstTag: UInt64 = 1

    /// Records a delivery. Tags are consecutive.
    mutating func delivered(_ tag: UInt64) {
        precondition(tag == firstTag + UInt64(isAcknowledged.count), "delivery \(tag) is not the next of its channel")
        isAcknowledged.append(false)
    }

    /// Records deliveries as acknowledged.
    ///
    /// - Returns: the acknowledgements to send: one for all up to the first gap, and single ones beyond it.
    mutating func acknowledge(_ tags: [UInt64]) -> [Ack] {
        var new: [UInt64] = []
        for tag in tags where tag >= firstTag && tag < firstTag + UInt64(isAcknowledged.count) {
            let index = Int(tag - firstTag)
            if !isAcknowledged[index] { new.append(tag) }
            isAcknowledged[index] = true
        }
        let oldFirst = firstTag
        while isAcknowledged.first == true {
            isAcknowledged.removeFirst()
            firstTag += 1
        }
        // The broker closes the channel if a tag is acknowledged twice. A multiple acknowledgement may cover tags that
        // were acknowledged singly before, but its own tag has to be a new one.
        let prefix = new.filter { $0 >= oldFirst && $0 < firstTag }.max()
        let single = new.filter { $0 >= firstTag }.sorted().map { Ack(tag: $0, multiple: false) }
        return (prefix.map { [Ack(tag: $0, multiple: true)] } ?? []) + single
    }

    /// The number of deliveries that are unacknowledged, or follow an unacknowledged one.
    var count: Int { isAcknowledged.count }
}
