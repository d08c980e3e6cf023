internal import RuntimeSupport
internal import Synchronization

/// Numbers published messages in the order of publishing, so that a consumer can restore that order.
///
/// A quorum queue returns unacknowledged messages in no particular order once there are more than about thirty.
package enum PublishSequence {
    /// The header that carries the number.
    package static let header = "sequence"

    private static let last = Atomic<Int64>(0)

    /// Returns the next number: microseconds since 1970, and always more than the one before in this process.
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
