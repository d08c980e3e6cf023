import Claims
import ServiceLifecycle
import Synchronization

/// A request that waits for changes of one claim.
final class ClaimWatch: Sendable {
    /// What a waiting request receives.
    enum Update: Hashable, Sendable {
        /// The claim has changed, or it is time to look it up again.
        case changed
        /// The claim as ``ClaimPoller`` has looked it up.
        case loaded(Claim)
        /// No change is known.
        case unchanged
    }

    private struct State {
        /// The update that was not received yet.
        var update: Update?
        /// The number of changes so far.
        var changes = 0
        var isClosed = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let onEnd: @Sendable (ClaimWatch) -> Void

    init(onEnd: @escaping @Sendable (ClaimWatch) -> Void) {
        self.onEnd = onEnd
    }

    /// Whether there is nothing left to wait for: the client has disconnected or the process is shutting down.
    var isClosed: Bool {
        state.withLock { $0.isClosed } || Task.isCancelled
    }

    /// Waits for an update. Returns at once if there was one since the last call.
    ///
    /// - Parameter time: the longest wait; after it the update is ``Update/changed``.
    @discardableResult
    func next(atMost time: Duration) async -> Update {
        await withTaskGroup { group in
            group.addTask {
                if (try? await Task.sleep(for: time)) != nil { self.notify() }
            }
            let update = await self.next()
            group.cancelAll()
            return update
        }
    }

    /// Waits for an update, without a time limit.
    func next() async -> Update {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await waitForUpdate()
            } onGracefulShutdown: {
                self.close()
            }
        } onCancel: {
            self.close()
        }
        return state.withLock { state in
            defer { state.update = nil }
            return state.update ?? .unchanged
        }
    }

    /// Reports a change of the claim.
    func notify() {
        wake { state in
            state.changes += 1
            // A claim that was looked up before the change is out of date.
            state.update = .changed
        }
    }

    /// The number of changes so far. Read it before looking the claim up for ``deliver(_:asOf:)``.
    var changes: Int { state.withLock { $0.changes } }

    /// Delivers the result of a look-up, unless the claim has changed since.
    ///
    /// - Parameters:
    ///   - claim: nil if no store could be reached.
    ///   - changes: ``changes`` before the look-up.
    func deliver(_ claim: Claim?, asOf changes: Int) {
        wake { state in
            guard state.changes == changes, state.update != .changed else { return }
            state.update = claim.map { .loaded($0) } ?? .unchanged
        }
    }

    /// Removes the watch from ``ClaimChanges``. Every watch must be ended.
    func end() {
        onEnd(self)
    }

    /// Ends the wait: the client has disconnected, or the process is shutting down.
    func close() {
        wake { $0.isClosed = true }
    }

    private func wake(_ transition: (inout State) -> Void) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            transition(&state)
            guard state.update != nil || state.isClosed else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    private func waitForUpdate() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.update != nil || state.isClosed { return true }
                state.waiting = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
