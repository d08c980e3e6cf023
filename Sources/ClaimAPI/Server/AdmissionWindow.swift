/// How many submissions may be in progress, from the rate at which they finish.
///
/// By Little's law a request that is taken in waits for the requests in progress divided by that rate. So while requests
/// have to be refused, the limit is the measured rate times the target. While none is refused, the rate is that of the
/// clients and says nothing, and the limit grows back to its maximum.
///
/// Pure: it gets the time and the counts.
struct AdmissionWindow {
    typealias Instant = ContinuousClock.Instant

    /// How long the rate is measured before the limit changes.
    static let length = Duration.milliseconds(100)
    /// The smallest limit. Fewer requests in progress would leave the broker idle.
    static let minimum = 50

    private let maximum: Int
    private let target: Duration
    private(set) var limit: Int
    private var start: Instant
    /// Whether requests were refused in the previous window, too. Only then was the limit reached all the time.
    private var wasSaturated = false

    /// - Parameters:
    ///   - maximum: the largest limit, which is also the first one.
    ///   - target: how long a request may wait.
    init(maximum: Int, target: Duration, now: Instant) {
        self.maximum = maximum
        self.target = target
        limit = maximum
        start = now
    }

    /// Whether it is time to call ``close(finished:refused:now:)``.
    func isOver(now: Instant) -> Bool { now - start >= Self.length }

    /// Ends the window and begins the next one.
    ///
    /// - Parameters:
    ///   - finished: the submissions that ended in this window.
    ///   - refused: the submissions that were refused in this window.
    mutating func close(finished: Int, refused: Int, now: Instant) {
        let time = now - start
        start = now
        // No request has come for a while, so there was no load.
        guard refused > 0, time < Self.length * 3 else {
            wasSaturated = refused > 0
            limit = min(maximum, limit + max(1, limit / 4))
            return
        }
        defer { wasSaturated = true }
        guard wasSaturated else { return }
        let measured = Int((Double(finished) * (target / time)).rounded())
        // Half of the way, because the rate of one window varies.
        limit = min(maximum, max(min(Self.minimum, maximum), (limit + measured) / 2))
    }
}
