import RuntimeSupport
import Synchronization

/// Controls a lane's thread from other threads, and tells them since when it is subscribed.
final class LaneControl: Sendable {
    private struct State {
        var mustStepBack = false
        var subscribedSince: Int64?
        var unacknowledged = 0
    }

    let lane: Int
    /// Asks the lane to finish its batch and to end.
    let stop = StopSignal()
    private let state = Mutex(State())

    init(lane: Int) {
        self.lane = lane
    }

    /// Asks the lane to finish its batch and to subscribe again, behind the other workers.
    func stepBack() {
        state.withLock { $0.mustStepBack = true }
        stop.wake.raise()
    }

    var mustStepBack: Bool { state.withLock { $0.mustStepBack } }

    /// Records that the lane has just subscribed.
    func subscribed() {
        state.withLock { state in
            state.mustStepBack = false
            state.subscribedSince = WallClock.microseconds()
        }
    }

    /// The number of messages that the lane holds, written once a batch.
    var unacknowledged: Int {
        get { state.withLock { $0.unacknowledged } }
        set { state.withLock { $0.unacknowledged = newValue } }
    }

    /// The time of the latest subscription, in microseconds since 1970; nil before the first one.
    ///
    /// It keeps its value while the lane steps back, so that the lane counts as a subscriber all the time.
    var subscribedSince: Int64? { state.withLock { $0.subscribedSince } }
}
