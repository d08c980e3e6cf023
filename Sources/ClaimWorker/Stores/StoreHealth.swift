import Logging
import RuntimeSupport
import Synchronization

/// Whether the stores can decide claims, as the lanes of this worker and its ``StoreMonitor`` see it. Logs each change.
final class StoreHealth: Sendable {
    private struct State {
        /// The first error of the present outage, and its time.
        var outage: (error: Outage, since: ContinuousClock.Instant)?
        /// The lanes whose last batch was interrupted by an outage.
        var failingLanes: Set<Int> = []
        /// Since when the probe has not succeeded; nil if the last one did.
        var probeFailsSince: ContinuousClock.Instant? = .now
        /// What the last probe has found; nil before the first one.
        var lastProbe: [Outage]?
    }

    private let state = Mutex(State())
    private let logger: Logger
    private let wakeLanes: @Sendable () -> Void

    /// - Parameter wakeLanes: called when the probe succeeds again.
    init(logger: Logger, wakeLanes: @escaping @Sendable () -> Void) {
        self.logger = logger
        self.wakeLanes = wakeLanes
    }

    /// Whether the last probe succeeded. Before the first one nothing is known, and it is false.
    var isProbeSuccessful: Bool { state.withLock { $0.probeFailsSince == nil } }

    /// Whether the probe or a lane's last batch failed because of a store.
    var isOutage: Bool { state.withLock { $0.outage != nil } }

    /// The stores that the last probe could not write to; nil before the first probe.
    var unavailableStores: [Outage]? { state.withLock { $0.lastProbe } }

    /// Returns the outage if the probe has failed for longer than `time`.
    func outage(longerThan time: Duration) -> Outage? {
        state.withLock { state in
            guard let since = state.probeFailsSince, ContinuousClock.now - since > time else { return nil }
            return state.outage?.error
        }
    }

    /// Records that an outage interrupted a lane's batch.
    func failed(lane: Int, _ outage: Outage) {
        change { state in
            state.failingLanes.insert(lane)
            state.outage = state.outage ?? (outage, .now)
        }
    }

    /// Records that a lane has finished a batch, or holds no messages any more.
    func recovered(lane: Int) {
        change { $0.failingLanes.remove(lane) }
    }

    /// Records the result of a probe.
    ///
    /// - Parameter outages: one for each store that cannot be written to.
    func probed(_ outages: [Outage]) {
        let isBack = change { state in
            let wasFailing = state.probeFailsSince != nil
            state.lastProbe = outages
            if let outage = outages.first {
                if !wasFailing { state.probeFailsSince = .now }
                state.outage = state.outage ?? (outage, .now)
            } else {
                state.probeFailsSince = nil
            }
            return wasFailing && outages.isEmpty
        }
        if isBack { wakeLanes() }
    }

    /// Changes the state and logs the begin or the end of an outage.
    @discardableResult
    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        state.withLock { state in
            let before = state.outage
            let value = body(&state)
            if let outage = state.outage, before == nil {
                logger.warning(
                    "store unavailable, waiting; no attempt is counted", metadata: ["error": "\(outage.error)"])
            }
            if let outage = state.outage, state.failingLanes.isEmpty, state.probeFailsSince == nil {
                state.outage = nil
                let seconds = (ContinuousClock.now - outage.since).wholeMilliseconds / 1000
                logger.info("stores available again", metadata: ["outage.seconds": "\(seconds)"])
            }
            return value
        }
    }
}
