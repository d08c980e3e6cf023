internal import RuntimeSupport
internal import Synchronization

/// Numbers published messages in publishing order, so that a consumer can restore the order of redelivered messages.
///
/// A quorum queue requeues more than about thirty unacknowledged messages in no particular order. The numbers of several
/// processes are comparable as far as their clocks agree, so a process can follow the clock of a server that all share.
package enum PublishSequence {
    /// The name of the header that carries the number.
    package static let header = "sequence"

    private static let last = Atomic<Int64>(0)
    private static let clockOffset = Atomic<Int64>(0)

    /// Returns the next number: the microseconds since 1970 by the shared clock, or the last number of this process plus 1
    /// if that is greater.
    package static func next() -> Int64 {
        let now = WallClock.microseconds() + clockOffset.load(ordering: .relaxed)
        var previous = last.load(ordering: .relaxed)
        while true {
            let next = max(previous + 1, now)
            let (exchanged, original) = last.compareExchange(
                expected: previous, desired: next, ordering: .relaxed)
            if exchanged { return next }
            previous = original
        }
    }

    /// Follows the shared clock.
    ///
    /// - Parameter offset: the microseconds by which it is ahead of this machine's clock; negative if it is behind.
    package static func followClock(aheadBy offset: Int64) {
        clockOffset.store(offset, ordering: .relaxed)
    }
}
