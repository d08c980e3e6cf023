/// How many submissions may be in progress, from the rate at which they finish.
///
/// By Little's law a request waits for the requests in progress divided by that rate. While more are in progress than the
/// rate allows for the target, the limit follows the rate; otherwise it grows. So a limit that is right for one speed of
/// the broker and the machine is not kept at another.
///
/// Pure: it gets the time and the counts.
struct AdmissionWindow {
    typealias Instant = ContinuousClock.Instant

    /// How long the rate is measured before the limit changes.
    static let length = Duration.milliseconds(100)
    /// The smallest limit. Fewer requests in progress would leave the broker idle.
    static let minimum = 50
    /// The limit before anything is known of the rate: all these may come at once.
    static let burst = 1500

    private let maximum: Int
    private let target: Duration
    private(set) var limit: Int
    private var start: Instant
    /// Whether too many were in progress at the end of the previous window, too. A burst that has just come says nothing.
    private var wasOverloaded = false

    /// - Parameters:
    ///   - maximum: the largest limit.
    ///   - target: how long a request may wait.
    init(maximum: Int, target: Duration, now: Instant) {
        self.maximum = maximum
        self.target = target
        limit = min(maximum, Self.burst)
        start = now
    }

    /// Whether it is time to call ``close(finished:inProgress:now:)``.
    func isOver(now: Instant) -> Bool { now - start >= Self.length }

    /// Ends the window and begins the next one.
    ///
    /// - Parameters:
    ///   - finished: the submissions that ended in this window.
    ///   - inProgress: the submissions that are in progress at its end.
    mutating func close(finished: Int, inProgress: Int, now: Instant) {
        let time = now - start
        start = now
        // No request came or ended for a while, so what is in progress has just come.
        guard time < Self.length * 3 else {
            wasOverloaded = false
            return grow(upTo: Self.burst)
        }
        let allowed = Int((Double(finished) * (target / time)).rounded())
        guard inProgress > allowed else {
            wasOverloaded = false
            // Only under load does the rate show that more is possible.
            return grow(upTo: inProgress > limit / 2 ? maximum : Self.burst)
        }
        defer { wasOverloaded = true }
        guard wasOverloaded else { return }
        // Half of the way, because the rate of one window varies.
        limit = min(limit, max(min(Self.minimum, maximum), (limit + allowed) / 2))
    }

    private mutating func grow(upTo bound: Int) {
        limit = max(limit, min(bound, maximum, limit + max(1, limit / 4)))
    }
}
