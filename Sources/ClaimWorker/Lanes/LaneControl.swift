import RuntimeSupport
import Synchronization

/// What others say to a lane's thread, and what it tells of itself.
final class LaneControl: Sendable {
    private struct State {
        var isStopping = false
        var mustStepBack = false
        var subscribedSince: Int64?
    }

    let lane: Int
    let wake = WakeSignal()
    private let state = Mutex(State())

    init(lane: Int) {
        self.lane = lane
    }

    /// Finish the batch, then end.
    func stop() {
        state.withLock { $0.isStopping = true }
        wake.raise()
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Finish the batch, then subscribe again behind the other workers.
    func stepBack() {
        state.withLock { $0.mustStepBack = true }
        wake.raise()
    }

    var mustStepBack: Bool { state.withLock { $0.mustStepBack } }

    /// Notes that the lane has just subscribed.
    func subscribed() {
        state.withLock { state in
            state.mustStepBack = false
            state.subscribedSince = WallClock.microseconds()
        }
    }

    /// Since when it stands in the broker's line, in microseconds since 1970; nil before the first time.
    ///
    /// Keeps its value while it steps back, so that it counts as a subscriber all the time.
    var subscribedSince: Int64? { state.withLock { $0.subscribedSince } }
}
