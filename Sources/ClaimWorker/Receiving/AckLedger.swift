import DequeModule

/// Tracks which deliveries of a channel are finished, and combines acknowledgements into as few as possible.
///
/// Pure. A delivery has one claim or several, its parts, and is acknowledged when all of them are finished. Parts finish
/// out of order, since those of a locked coupon wait while others go on.
///
/// <https://www.rabbitmq.com/docs/confirms#consumer-acks-multiple-parameter>
struct AckLedger {
    /// One claim of a delivery.
    struct Part: Hashable {
        let tag: UInt64
        /// Its place in the delivery, from 0.
        let index: Int
    }

    /// One basic.ack.
    struct Ack: Hashable {
        let tag: UInt64
        /// Whether it acknowledges all earlier deliveries as well.
        let multiple: Bool
    }

    /// The unfinished parts of each delivery: one bit each. Zero if the delivery is acknowledged.
    private var open = Deque<UInt64>()
    /// The tag of the first entry: the oldest unacknowledged delivery.
    private var firstTag: UInt64 = 1
    /// The number of unfinished parts of all deliveries.
    private(set) var count = 0

    /// Records a delivery. Tags are consecutive.
    ///
    /// - Parameter parts: the number of its parts, 1 to 63.
    mutating func delivered(_ tag: UInt64, parts: Int = 1) {
        precondition(tag == firstTag + UInt64(open.count), "delivery \(tag) is not the next of its channel")
        precondition((1..<UInt64.bitWidth).contains(parts), "a delivery cannot have \(parts) parts")
        open.append(1 << UInt64(parts) - 1)
        count += parts
    }

    /// Records parts as finished.
    ///
    /// - Returns: the acknowledgements to send: one for all deliveries up to the first gap, and single ones beyond it.
    mutating func finish(_ parts: [Part]) -> [Ack] {
        var new: [UInt64] = []
        for part in parts where part.tag >= firstTag && part.tag < firstTag + UInt64(open.count) {
            let index = Int(part.tag - firstTag)
            let rest = open[index] & ~(1 << UInt64(part.index))
            guard rest != open[index] else { continue }
            open[index] = rest
            count -= 1
            if rest == 0 { new.append(part.tag) }
        }
        let oldFirst = firstTag
        while open.first == 0 {
            open.removeFirst()
            firstTag += 1
        }
        // The broker closes the channel if a tag is acknowledged twice. A multiple acknowledgement may cover tags that
        // were acknowledged singly before, but its own tag has to be a new one.
        let prefix = new.filter { $0 >= oldFirst && $0 < firstTag }.max()
        let single = new.filter { $0 >= firstTag }.sorted().map { Ack(tag: $0, multiple: false) }
        return (prefix.map { [Ack(tag: $0, multiple: true)] } ?? []) + single
    }
}
