import RuntimeSupport
import Synchronization

/// Controls a lane's thread from other threads, and tells them since when it is subscribed.
final class LaneControl: Sendable {
    /// The claims that a lane holds.
    struct Held: Sendable {
        /// The number of claims whose messages are not acknowledged, and that are not finished.
        var claims = 0
        /// When the oldest claim among those that wait was accepted.
        var oldest: Timestamp?
    }

    private struct State {
        var mustStepBack = false
        var subscribedSince: Int64?
        var isSubscribed = false
        var brokerFailure: String?
        var held = Held()
    }

    let lane: Int
    /// Asks the lane to finish its batch and to end.
    let stop = StopSignal()
    /// Watches the lane's thread. The longest pause between two rounds is the delay of a lock retry, up to 60 s.
    let watch: LoopWatch
    private let state = Mutex(State())

    init(lane: Int) {
        self.lane = lane
        watch = LoopWatch("lane \(lane)", limit: .seconds(120))
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
            state.isSubscribed = true
            state.brokerFailure = nil
        }
    }

    /// Records that the subscription has ended.
    ///
    /// - Parameter failure: the error of the broker connection; nil if the lane has ended the subscription.
    func unsubscribed(failure: String? = nil) {
        state.withLock { state in
            state.isSubscribed = false
            if let failure { state.brokerFailure = failure }
        }
    }

    /// Whether the lane is subscribed at present, as the active consumer or as one that waits.
    var isSubscribed: Bool { state.withLock { $0.isSubscribed } }

    /// Why the last attempt to subscribe has failed; nil if it succeeded.
    var brokerFailure: String? { state.withLock { $0.brokerFailure } }

    /// The claims that the lane holds, written once a batch.
    var held: Held {
        get { state.withLock { $0.held } }
        set { state.withLock { $0.held = newValue } }
    }

    /// The time of the latest subscription, in microseconds since 1970; nil before the first one.
    ///
    /// It keeps its value while the lane steps back, so that the lane counts as a subscriber all the time.
    var subscribedSince: Int64? { state.withLock { $0.subscribedSince } }
}
