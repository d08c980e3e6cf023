import Claims
import DeadLetters
import RuntimeSupport
import Synchronization

/// Reads the dead-letter queue for all requests: one reading at a time, and one for all that ask at the same time.
///
/// A reading takes all messages of the queue, so a list is answered from the last reading for as long as that is new.
final class DeadLetterReader: Sendable {
    private typealias Answer = Result<DeadLetterSnapshot, any Error>

    private struct State {
        var latest: (snapshot: DeadLetterSnapshot, readAt: ContinuousClock.Instant, took: Duration)?
        var isReading = false
        var waiting: [CheckedContinuation<Answer, Never>] = []
    }

    /// For reading, without an operator's name.
    let session: OperatorSession
    private let state = Mutex(State())
    private let requests = ConcurrencyLimit(DeadLetterReader.maximumRequests)
    /// The most requests that work on the queue at the same time. Each has a thread, and most wait for the queue.
    private static let maximumRequests = 16
    /// The most requests that wait for a reading.
    private static let maximumWaiting = 500
    /// The longest wait of a request for another operator who has the queue open.
    static let patience = Duration.seconds(10)
    /// A snapshot is new for this long, or ten times as long as reading it took.
    private static let shortestAge = Duration.seconds(1)

    init(_ stores: StoreSettings) {
        session = OperatorSession(
            stores, operatorName: "", connectionName: "ClaimAPI dlq", patience: Self.patience)
    }

    /// Runs blocking work of a request on a thread of its own.
    ///
    /// - Throws: ``Problem`` `overloaded` if too many requests work on the queue, or the error of `work`.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        guard requests.enter() else { throw Problem.overloaded }
        defer { requests.leave() }
        return try await DeadLetterThread.value(work)
    }

    /// Returns a snapshot of the queue.
    ///
    /// - Parameter isNew: whether the queue is read now; else a snapshot of some seconds ago may be returned.
    /// - Throws: `BrokerError`, `DeadLetterError`, or ``Problem`` `overloaded` if too many requests wait.
    func snapshot(isNew: Bool) async throws -> DeadLetterSnapshot {
        enum Step { case use(DeadLetterSnapshot), read, wait, refuse }
        let answer: Answer = await withCheckedContinuation { caller in
            let step = state.withLock { state -> Step in
                if !isNew, let latest = state.latest,
                    .now - latest.readAt < max(Self.shortestAge, latest.took * 10)
                {
                    return .use(latest.snapshot)
                }
                guard state.waiting.count < Self.maximumWaiting else { return .refuse }
                state.waiting.append(caller)
                guard !state.isReading else { return .wait }
                state.isReading = true
                return .read
            }
            switch step {
            case .use(let snapshot): caller.resume(returning: .success(snapshot))
            case .read: read()
            case .wait: break
            case .refuse: caller.resume(returning: .failure(Problem.overloaded))
            }
        }
        return try answer.get()
    }

    /// Makes the next list read the queue, after a change of it.
    func forget() {
        state.withLock { $0.latest = nil }
    }

    /// Reads on a thread of its own, and answers all who wait by the end.
    private func read() {
        DeadLetterThread.start { [self] in
            let begin = ContinuousClock.now
            let answer = Answer { try DeadLetterSnapshot(session) }
            let waiting = state.withLock { state in
                defer {
                    state.isReading = false
                    state.waiting = []
                }
                if case .success(let snapshot) = answer {
                    state.latest = (snapshot, .now, .now - begin)
                }
                return state.waiting
            }
            for caller in waiting { caller.resume(returning: answer) }
        }
    }
}
