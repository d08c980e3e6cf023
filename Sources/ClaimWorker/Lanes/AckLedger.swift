import DequeModule

/// Which deliveries of a channel are settled, and the fewest acknowledgements that say so.
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

    private var isSettled = Deque<Bool>()
    /// The tag of the first entry: the oldest that is not acknowledged.
    private var firstTag: UInt64 = 1

    /// Notes a delivery. Tags come one after another.
    mutating func delivered(_ tag: UInt64) {
        precondition(tag == firstTag + UInt64(isSettled.count), "delivery \(tag) is not the next of its channel")
        isSettled.append(false)
    }

    /// Notes deliveries that are settled.
    ///
    /// - Returns: the acknowledgements to send: one for everything up to the first gap, single ones behind it.
    mutating func settle(_ tags: [UInt64]) -> [Ack] {
        var beyond: [UInt64] = []
        for tag in tags where tag >= firstTag && tag < firstTag + UInt64(isSettled.count) {
            let index = Int(tag - firstTag)
            if !isSettled[index] { beyond.append(tag) }
            isSettled[index] = true
        }
        let oldFirst = firstTag
        while isSettled.first == true {
            isSettled.removeFirst()
            firstTag += 1
        }
        // Some of what the prefix now covers was acknowledged singly before; saying it again would be an error only
        // if the last one was, so the prefix ends at a tag that is new.
        let prefix = beyond.filter { $0 >= oldFirst && $0 < firstTag }.max()
        let single = beyond.filter { $0 >= firstTag }.sorted().map { Ack(tag: $0, multiple: false) }
        return (prefix.map { [Ack(tag: $0, multiple: true)] } ?? []) + single
    }

    /// How many deliveries are not settled, or lie behind one that is not.
    var count: Int { isSettled.count }
}
