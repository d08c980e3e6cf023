import Claims
import ServiceLifecycle
import Synchronization

/// One waiting request's ear for the changes of one claim.
final class ClaimWatch: Sendable {
    /// What whoever waits is told.
    enum Word: Hashable, Sendable {
        /// There was a change: look.
        case changed
        /// The claim as it was looked up meanwhile.
        case found(Claim)
        /// Nothing is known to have changed.
        case nothing
    }

    private struct State {
        /// What nobody has been told yet.
        var word: Word?
        /// How many changes there were.
        var changes = 0
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

    /// Waits for a word, at most so long. Returns at once if there was one since the last call.
    @discardableResult
    func next(atMost time: Duration) async -> Word {
        await withTaskGroup { group in
            group.addTask {
                if (try? await Task.sleep(for: time)) != nil { self.change() }
            }
            let word = await self.next()
            group.cancelAll()
            return word
        }
    }

    /// Waits for a word, however long it takes.
    func next() async -> Word {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await nextWord()
            } onGracefulShutdown: {
                self.leave()
            }
        } onCancel: {
            self.leave()
        }
        return state.withLock { state in
            defer { state.word = nil }
            return state.word ?? .nothing
        }
    }

    /// There was a change, or it is time to look again.
    func change() {
        wake { state in
            state.changes += 1
            // What somebody looked up before the change is old.
            state.word = .changed
        }
    }

    /// How many changes there were so far, to be noted before the claim is looked up for ``send(_:asOf:)``.
    var changes: Int { state.withLock { $0.changes } }

    /// Tells what a look came to; changes that came since the look go before it.
    ///
    /// - Parameter claim: nil if no store could tell.
    func send(_ claim: Claim?, asOf changes: Int) {
        wake { state in
            guard state.changes == changes, state.word != .changed else { return }
            state.word = claim.map { .found($0) } ?? .nothing
        }
    }

    /// Forgets the watch; every one that was begun has to be ended.
    func end() {
        onEnd(self)
    }

    /// Nobody has use for changes any more: the client has gone, or the process is about to end.
    func leave() {
        wake { $0.isOver = true }
    }

    private func wake(_ update: (inout State) -> Void) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            update(&state)
            guard state.word != nil || state.isOver else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    private func nextWord() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.word != nil || state.isOver { return true }
                state.waiting = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
