/// Exponential backoff with jitter: how long to wait before the next attempt to reach a server.
///
/// The jitter keeps many clients from reconnecting at the same moment.
package struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private var failures = 0

    /// - Parameters:
    ///   - first: the step after the first failure.
    ///   - longest: the limit of the doubling step.
    package init(first: Duration = .milliseconds(50), longest: Duration = .seconds(2)) {
        self.first = first
        self.longest = longest
    }

    /// Records a failure and returns the time to wait: a random part of the step, from half of it to all of it.
    ///
    /// The step doubles with each failure.
    package mutating func next() -> Duration {
        let step = min(longest, first * (1 << min(failures, 16)))
        failures += 1
        return step * Double.random(in: 0.5...1)
    }

    /// Records a success: the next failure starts with the first step again.
    package mutating func reset() {
        failures = 0
    }
}
