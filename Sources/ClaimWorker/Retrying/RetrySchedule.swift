import Claims

/// Decides when a claim is tried again after a failed attempt, and when it is dead-lettered.
struct RetrySchedule: Hashable, Sendable {
    /// The delay before each retry, in milliseconds.
    let delays: [Int]

    /// Parses a list like `500,5000,30000`. Nil if it is invalid.
    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let delays = parts.compactMap { part in
            let numbers = part.split(separator: " ")
            return numbers.count == 1 ? Int(numbers[0]) : nil
        }
        guard delays.count == parts.count, delays.count <= Topology.mostRetries,
            delays.allSatisfy({ (1...86_400_000).contains($0) })
        else { return nil }
        self.delays = delays
    }

    enum Step: Hashable, Sendable {
        /// Through the delay queue of this number; the delay is in milliseconds.
        case retry(queue: Int, delay: Int)
        /// Into the dead-letter queue.
        case dead
    }

    /// Returns what follows this number of failed attempts, at least one.
    func step(afterAttempts attempts: Int) -> Step {
        let retry = attempts - 1
        return delays.indices.contains(retry) ? .retry(queue: retry, delay: delays[retry]) : .dead
    }
}
