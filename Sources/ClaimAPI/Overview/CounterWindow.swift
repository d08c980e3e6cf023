/// The rise of counters of several processes in the last seconds. Pure.
///
/// A process counts from 0 when it starts, and its id is new then.
struct CounterWindow<Key: Hashable & Sendable>: Sendable {
    /// The values of one counter by process.
    typealias Values = [Key: [String: Double]]

    /// The number of steps that are kept.
    private let length: Int
    private var steps: [[Key: Double]] = []
    private var last: Values?

    init(steps length: Int) {
        self.length = length
    }

    /// Adds the present values, one step after the last ones.
    mutating func add(_ values: Values) {
        if let last {
            var rise: [Key: Double] = [:]
            for (key, processes) in values {
                let before = last[key] ?? [:]
                let sum = processes.reduce(0) { $0 + max(0, $1.value - (before[$1.key] ?? 0)) }
                if sum > 0 { rise[key] = sum }
            }
            steps.append(rise)
            steps.removeFirst(max(0, steps.count - length))
        }
        // A process that is missing for a moment has not begun again from 0.
        last = (last ?? [:]).merging(values) { $0.merging($1) { $1 } }
    }

    /// Discards all values.
    mutating func reset() {
        steps = []
        last = nil
    }

    /// The rise of each counter in all steps.
    var totals: [Key: Double] {
        steps.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
    }
}
