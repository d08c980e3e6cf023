/// How long to wait before a server is tried again: doubling, with jitter, so that many clients don't come back at once.
package struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private var failures = 0

    package init(first: Duration = .milliseconds(50), longest: Duration = .seconds(2)) {
        self.first = first
        self.longest = longest
    }

    /// The time to wait after one more failure: between half and all of the doubled step.
    package mutating func next() -> Duration {
        let step = min(longest, first * (1 << min(failures, 16)))
        failures += 1
        return step * Double.random(in: 0.5...1)
    }

    /// After a success the next failure starts from the beginning.
    package mutating func reset() {
        failures = 0
    }

    /// How many failures there were in a row.
    package var failuresInARow: Int { failures }
}
