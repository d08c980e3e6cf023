internal import RuntimeSupport
internal import Synchronization

/// Numbers published messages in publishing order, so that a consumer can restore the order of redelivered messages.
///
/// A quorum queue requeues more than about thirty unacknowledged messages in no particular order.
package enum PublishSequence {
    /// The name of the header that carries the number.
    package static let header = "sequence"

    private static let last = Atomic<Int64>(0)

    /// Returns the next number: the current microseconds since 1970, or the last number of this process plus 1 if that is
    /// greater.
    package static func next() -> Int64 {
        let now = WallClock.microseconds()
        var previous = last.load(ordering: .relaxed)
        while true {
            let next = max(previous + 1, now)
            let (exchanged, original) = last.compareExchange(
                expected: previous, desired: next, ordering: .relaxed)
            if exchanged { return next }
            previous = original
        }
    }
}
