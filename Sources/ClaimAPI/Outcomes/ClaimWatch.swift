import ServiceLifecycle
import Shared
import Synchronization

/// One waiting request's ear for the changes of one claim.
final class ClaimWatch: Sendable {
    private struct State {
        /// A change that nobody has been told of yet.
        var isChanged = false
        var isOver = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let onEnd: @Sendable (ClaimWatch) -> Void

    init(onEnd: @escaping @Sendable (ClaimWatch) -> Void) {
        self.onEnd = onEnd
    }

    /// Whether waiting has no sense any more: the process is about to end or the client has gone.
    var isOver: Bool {
        state.withLock { $0.isOver } || Task.isCancelled
    }

    /// Waits for a change, at most so long. Returns at once if there was one since the last call.
    func next(atMost time: Duration) async {
        await withTaskGroup { group in
            group.addTask {
                if (try? await Task.sleep(for: time)) != nil { self.change() }
            }
            await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    await self.nextChange()
                } onGracefulShutdown: {
                    self.finish()
                }
            } onCancel: {
                self.finish()
            }
            group.cancelAll()
        }
    }

    /// There was a change, or it is time to look again.
    func change() {
        wake { $0.isChanged = true }
    }

    /// Forgets the watch; every one that was begun has to be ended.
    func end() {
        onEnd(self)
    }

    private func finish() {
        wake { $0.isOver = true }
    }

    private func wake(_ update: (inout State) -> Void) {
        let waiting = state.withLock { state in
            update(&state)
            defer { state.waiting = nil }
            if state.waiting != nil { state.isChanged = false }
            return state.waiting
        }
        waiting?.resume()
    }

    private func nextChange() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isChanged || state.isOver {
                    state.isChanged = false
                    return true
                }
                state.waiting = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
