/// How many messages go in each step of a careful replay: 1, 5, 50, 500 … each only when the step before went well.
///
/// Pure.
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

    /// Whether a step went so badly that nothing more should follow: more than a tenth of it failed again, or it is not
    /// known of more than a tenth what became of them.
    static func stops(afterFailed failed: Int, undecided: Int, of size: Int) -> Bool {
        (failed + undecided) * 10 > size
    }
}
