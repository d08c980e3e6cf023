package import RuntimeSupport

/// The number of dead letters, by reason, and when the first of them was dead-lettered.
package struct DeadLetterTotals: Sendable {
    package private(set) var count = 0
    package private(set) var oldest: Timestamp?
    private var counts: [String?: Int] = [:]

    package init() {}

    package init(_ letters: some Sequence<DeadLetter>) {
        for letter in letters { add(letter) }
    }

    /// Counts one more dead letter.
    package mutating func add(_ letter: DeadLetter) {
        count += 1
        counts[letter.reason, default: 0] += 1
        if let died = letter.diedAt { oldest = min(oldest ?? died, died) }
    }

    /// The most frequent reason first.
    package var reasons: [(reason: String?, count: Int)] {
        counts.map { ($0.key, $0.value) }.sorted { ($1.count, $0.reason ?? "") < ($0.count, $1.reason ?? "") }
    }
}
