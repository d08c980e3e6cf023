import Synchronization

/// Counts what is in progress, and refuses what exceeds a limit.
final class ConcurrencyLimit: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    init(_ limit: Int) {
        self.limit = limit
    }

    /// Begins one more.
    ///
    /// - Returns: false if the limit is reached; then there is nothing to end.
    func enter() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    /// Ends one that was begun.
    func leave() {
        count.subtract(1, ordering: .relaxed)
    }
}
