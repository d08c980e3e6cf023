
/// When a claim whose attempt failed is tried again, and when it is given up.
struct RetrySchedule: Hashable, Sendable {
    /// The wait before each retry, in milliseconds.
    let delays: [Int]

    /// Reads `500,5000,30000`; nil if it is something else.
    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let delays = parts.compactMap { part in
            let numbers = part.split(separator: " ")
            return numbers.count == 1 ? Int(numbers[0]) : nil
        }
        guard delays.count == parts.count, delays.count <= 10, delays.allSatisfy({ (1...86_400_000).contains($0) })
        else { return nil }
        self.delays = delays
    }

    enum Step: Hashable, Sendable {
        /// Through the delay queue of this number, for so many milliseconds.
        case retry(queue: Int, delay: Int)
        case dead
    }

    /// What follows when this many attempts have failed, at least one.
    func step(afterAttempts attempts: Int) -> Step {
        let retry = attempts - 1
        return delays.indices.contains(retry) ? .retry(queue: retry, delay: delays[retry]) : .dead
    }
}
