/// The steps of a cautious replay: 1, 5, 50, 500 … messages. Each step requires that the one before went well.
struct RampSchedule: Sequence, IteratorProtocol {
    private var size = 1
    private var isFirst = true

    mutating func next() -> Int? {
        defer {
            size *= isFirst ? 5 : 10
            isFirst = false
            size = Swift.min(size, 1_000_000)
        }
        return size
    }

    /// Whether to stop after a step: more than a tenth of it failed again, or has no known outcome.
    static func stops(afterFailed failed: Int, undecided: Int, of size: Int) -> Bool {
        (failed + undecided) * 10 > size
    }
}
