import Claims
import DeadLetters
import RuntimeSupport
import Synchronization

/// Reads the dead-letter queue for all requests. There is one reading at a time, which all requests of that time share.
///
/// A reading takes all messages of the queue. So a list is a page of the last snapshot while that is new. The list of a
/// long queue is a page of an older snapshot while the queue is read again. Before the first snapshot, a caller can have
/// the messages that the reading has got first.
final class DeadLetterReader: Sendable {
    private typealias Answer = Result<DeadLetterSnapshot, any Error>
    private typealias FirstWaiter = CheckedContinuation<Result<Content, any Error>, Never>

    /// What a list is made of.
    enum Content: Sendable {
        case complete(DeadLetterSnapshot)
        /// The first messages of a reading that goes on, in no particular order.
        case partial(FirstMessages)
    }

    /// What is known of the queue early in a reading.
    struct FirstMessages: Sendable {
        /// When the reading began.
        let at: Timestamp
        /// Each message as JSON, see ``DeadLetterLine``.
        fileprivate(set) var messages: [String] = []
        /// The messages of the queue.
        fileprivate(set) var total = 0
    }

    private struct Latest {
        let snapshot: DeadLetterSnapshot
        let readAt: ContinuousClock.Instant
        let took: Duration

        var age: Duration { .now - readAt }
        /// Whether a request needs no newer snapshot.
        var isNew: Bool { age < max(.seconds(1), took * 10) }
        /// Whether no request should wait for the next reading.
        var isOfLongQueue: Bool { took > .milliseconds(300) }
    }

    private struct State {
        var latest: Latest?
        var isReading = false
        var waiting: [CheckedContinuation<Answer, Never>] = []
        /// Of the reading under way.
        var first: FirstMessages?
        var waitingForFirst: [FirstWaiter] = []

        /// Declares that a reading begins. Returns false if one is under way.
        mutating func beginReading() -> Bool {
            guard !isReading else { return false }
            isReading = true
            first = FirstMessages(at: .now())
            return true
        }

        /// The snapshot that a list may be made of, and whether the caller has to read the queue for later lists.
        mutating func usable() -> (snapshot: DeadLetterSnapshot, reads: Bool)? {
            guard let latest else { return nil }
            if latest.isNew { return (latest.snapshot, false) }
            guard latest.isOfLongQueue, latest.age < DeadLetterReader.longestAge else { return nil }
            return (latest.snapshot, beginReading())
        }
    }

    /// For reading, without an operator's name.
    let session: OperatorSession
    private let stores: StoreSettings
    private let state = Mutex(State())
    private let requests = ConcurrencyLimit(DeadLetterReader.maximumRequests)
    /// The most requests that work on the queue at the same time. Each has a thread, and most wait for the queue.
    private static let maximumRequests = 16
    /// The most requests that wait for a reading.
    private static let maximumWaiting = 500
    /// The longest wait of a request for another operator who has the queue open.
    static let patience = Duration.seconds(10)
    /// A snapshot of a long queue is used for this long.
    private static let longestAge = Duration.seconds(600)
    /// While a console is open, a snapshot of a long queue is replaced after this time.
    private static let preparedAge = Duration.seconds(300)
    /// The messages of a long queue, at least.
    private static let longQueue = 5000
    /// The messages of a partial list, at most.
    private static let firstCount = 100

    init(_ stores: StoreSettings) {
        self.stores = stores
        session = Self.session(stores)
    }

    private static func session(
        _ stores: StoreSettings, progress: @escaping @Sendable (OperatorSession.Progress) -> Void = { _ in }
    ) -> OperatorSession {
        OperatorSession(
            stores, operatorName: "", connectionName: "ClaimAPI dlq", patience: patience, progress: progress)
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
    /// - Parameter isNew: whether the queue is read now; else an earlier snapshot may be returned.
    /// - Throws: `BrokerError`, `DeadLetterError`, or ``Problem`` `overloaded` if too many requests wait.
    func snapshot(isNew: Bool) async throws -> DeadLetterSnapshot {
        enum Step { case use(DeadLetterSnapshot, andRead: Bool), read, wait, refuse }
        let answer: Answer = await withCheckedContinuation { caller in
            let step = state.withLock { state -> Step in
                if !isNew, let usable = state.usable() { return .use(usable.snapshot, andRead: usable.reads) }
                guard state.waiting.count < Self.maximumWaiting else { return .refuse }
                state.waiting.append(caller)
                return state.beginReading() ? .read : .wait
            }
            switch step {
            case .use(let snapshot, let andRead):
                caller.resume(returning: .success(snapshot))
                if andRead { read() }
            case .read: read()
            case .wait: break
            case .refuse: caller.resume(returning: .failure(Problem.overloaded))
            }
        }
        return try answer.get()
    }

    /// Returns a snapshot of the queue if there is one that may be used, or else the first messages of a reading.
    ///
    /// - Throws: as ``snapshot(isNew:)``.
    func content() async throws -> Content {
        enum Step { case use(Content, andRead: Bool), read, wait, refuse }
        let answer: Result<Content, any Error> = await withCheckedContinuation { caller in
            let step = state.withLock { state -> Step in
                if let usable = state.usable() { return .use(.complete(usable.snapshot), andRead: usable.reads) }
                if let first = state.first, first.messages.count == Self.firstCount, first.total > 0 {
                    return .use(.partial(first), andRead: false)
                }
                guard state.waitingForFirst.count < Self.maximumWaiting else { return .refuse }
                state.waitingForFirst.append(caller)
                return state.beginReading() ? .read : .wait
            }
            switch step {
            case .use(let content, let andRead):
                caller.resume(returning: .success(content))
                if andRead { read() }
            case .read: read()
            case .wait: break
            case .refuse: caller.resume(returning: .failure(Problem.overloaded))
            }
        }
        return try answer.get()
    }

    /// Reads a long queue before its list is requested.
    ///
    /// - Parameter depth: the number of messages in the queue.
    func prepare(depth: Int) {
        guard depth >= Self.longQueue else { return }
        let reads = state.withLock { state in
            if let latest = state.latest, latest.age < Self.preparedAge { return false }
            return state.beginReading()
        }
        if reads { read() }
    }

    /// Discards the snapshot after a change of the queue, so that the next list reads the queue.
    func forget() {
        state.withLock { $0.latest = nil }
    }

    /// Reads on a thread of its own, and answers all requests that wait when the reading ends.
    private func read() {
        DeadLetterThread.start { [self] in
            let begin = ContinuousClock.now
            let session = Self.session(stores) { progress in self.advance(total: progress.total) }
            var count = 0
            let answer = Answer {
                try DeadLetterSnapshot(session) { message in
                    count += 1
                    if count <= Self.firstCount { self.state.withLock { $0.first?.messages.append(message) } }
                }
            }
            let (waiting, waitingForFirst) = state.withLock { state in
                defer {
                    state.isReading = false
                    state.first = nil
                    state.waiting = []
                    state.waitingForFirst = []
                }
                if case .success(let snapshot) = answer {
                    state.latest = Latest(snapshot: snapshot, readAt: .now, took: .now - begin)
                }
                return (state.waiting, state.waitingForFirst)
            }
            for caller in waiting { caller.resume(returning: answer) }
            for caller in waitingForFirst { caller.resume(returning: answer.map(Content.complete)) }
        }
    }

    /// Answers the requests that wait for the first messages, if there are enough.
    private func advance(total: Int) {
        let ready = state.withLock { state -> (callers: [FirstWaiter], first: FirstMessages)? in
            state.first?.total = total
            guard let first = state.first, first.messages.count == Self.firstCount else { return nil }
            defer { state.waitingForFirst = [] }
            return (state.waitingForFirst, first)
        }
        guard let ready else { return }
        for caller in ready.callers { caller.resume(returning: .success(.partial(ready.first))) }
    }
}
