internal import Synchronization

/// Finds out whether a loop that serves the process still runs.
///
/// The loop reports each of its rounds. A loop that has ended is no longer watched.
package final class LoopWatch: Sendable {
    private struct State {
        var lastRound: ContinuousClock.Instant
        var isOver = false
    }

    /// Names the loop for operators.
    package let name: String
    private let limit: Duration
    private let state: Mutex<State>

    /// - Parameter limit: the time without a round after which the loop counts as stalled.
    package init(_ name: String, limit: Duration, now: ContinuousClock.Instant = .now) {
        self.name = name
        self.limit = limit
        state = Mutex(State(lastRound: now))
    }

    /// Reports a round of the loop.
    package func beat(at now: ContinuousClock.Instant = .now) {
        state.withLock { $0.lastRound = now }
    }

    /// Reports the end of the loop.
    package func end() {
        state.withLock { $0.isOver = true }
    }

    /// Why the loop counts as stalled; nil if it does not.
    package func stall(at now: ContinuousClock.Instant = .now) -> String? {
        let (lastRound, isOver) = state.withLock { ($0.lastRound, $0.isOver) }
        let time = now - lastRound
        guard !isOver, time > limit else { return nil }
        return "\(name) has made no progress for \(time.wholeMilliseconds / 1000) s"
    }
}
