import DequeModule

/// Which deliveries of a channel are acknowledged, and the fewest acknowledgements that say so.
///
/// Pure bookkeeping. Claims settle out of order, since those of a locked coupon wait while others go by.
///
/// <https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter>
struct AckLedger {
    /// One basic.ack.
    struct Ack: Hashable {
        let tag: UInt64
        /// Whether it speaks for all before it as well.
        let multiple: Bool
    }

    private var isAcknowledged = Deque<Bool>()
    /// The tag of the first entry: the oldest that is not acknowledged.
    private var firstTag: UInt64 = 1

    /// Notes a delivery. Tags come one after another.
    mutating func delivered(_ tag: UInt64) {
        precondition(tag == firstTag + UInt64(isAcknowledged.count), "delivery \(tag) is not the next of its channel")
        isAcknowledged.append(false)
    }

    /// Notes deliveries that are acknowledged.
    ///
    /// - Returns: the acknowledgements to send: one for everything up to the first gap, single ones behind it.
    mutating func acknowledge(_ tags: [UInt64]) -> [Ack] {
        var beyond: [UInt64] = []
        for tag in tags where tag >= firstTag && tag < firstTag + UInt64(isAcknowledged.count) {
            let index = Int(tag - firstTag)
            if !isAcknowledged[index] { beyond.append(tag) }
            isAcknowledged[index] = true
        }
        let oldFirst = firstTag
        while isAcknowledged.first == true {
            isAcknowledged.removeFirst()
            firstTag += 1
        }
        // Some of what the prefix now covers was acknowledged singly before; saying it again would be an error only
        // if the last one was, so the prefix ends at a tag that is new.
        let prefix = beyond.filter { $0 >= oldFirst && $0 < firstTag }.max()
        let single = beyond.filter { $0 >= firstTag }.sorted().map { Ack(tag: $0, multiple: false) }
        return (prefix.map { [Ack(tag: $0, multiple: true)] } ?? []) + single
    }

    /// How many deliveries are not acknowledged, or lie behind one that is not.
    var count: Int { isAcknowledged.count }
}
