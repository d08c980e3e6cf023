import Claims
import Foundation
import Logging
import NIOCore
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Collects the overview once a second for all watchers, and sends it to each.
///
/// Without a watcher, only the lanes' counters are read, so that a new watcher gets the rates of the last minutes.
final class OverviewFeed: Service {
    /// The most watchers of one process.
    static let maximumWatchers = 500
    private static let interval = Duration.seconds(1)
    /// After a longer gap, in seconds, the windows of the metrics are discarded.
    private static let longestGap = 5.0

    private struct State {
        var history = RateHistory()
        var decisions = DecisionWindow()
        var lastMetrics: Timestamp?
        var watchers: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
        var nextWatcher = 0
        var isRunning = false
    }

    private let lanes: Int
    private let redis: RedisClient
    private let queues: QueueObserver
    private let stores: @Sendable () -> Overview.Stores
    private let onDeadLetters: @Sendable (_ depth: Int) -> Void
    private let access: OverviewAccess
    private let state = Mutex(State())

    /// - Parameters:
    ///   - stores: returns the state of the stores, without asking them.
    ///   - onDeadLetters: receives the depth of the dead-letter queue once a second while there is a watcher.
    init(
        lanes: Int, redis: RedisClient, queues: QueueObserver, access: OverviewAccess,
        stores: @escaping @Sendable () -> Overview.Stores,
        onDeadLetters: @escaping @Sendable (_ depth: Int) -> Void = { _ in }
    ) {
        self.lanes = lanes
        self.redis = redis
        self.queues = queues
        self.access = access
        self.stores = stores
        self.onDeadLetters = onDeadLetters
    }

    /// Returns the present overview.
    func overview() async -> Overview {
        await queues.refresh(atMost: .seconds(2))
        return await look(at: .now())
    }

    /// The events of one watcher.
    struct Watch: Sendable {
        /// The present overview with the history.
        let first: ByteBuffer
        /// The newest event that was not taken yet, since only that matters.
        let rest: AsyncStream<ByteBuffer>
        /// Ends the events.
        let close: @Sendable () -> Void
    }

    /// Whether there are events, and room for another watcher.
    var hasRoom: Bool { state.withLock { $0.isRunning && $0.watchers.count < Self.maximumWatchers } }

    /// Returns the events from now on; nil if there are too many watchers.
    func watch() async -> Watch? {
        var overview = await look(at: .now())
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self, bufferingPolicy: .bufferingNewest(1))
        let history = state.withLock { state -> [RateHistory.Sample]? in
            guard state.isRunning, state.watchers.count < Self.maximumWatchers else { return nil }
            let number = state.nextWatcher
            state.nextWatcher += 1
            state.watchers[number] = continuation
            continuation.onTermination = { [weak self] _ in self?.remove(number) }
            return state.history.samples
        }
        guard let history else { return nil }
        queues.observe(true)
        overview.history = history
        return Watch(first: Self.event(overview), rest: stream) { continuation.finish() }
    }

    private func remove(_ number: Int) {
        let isLast = state.withLock { state in
            state.watchers[number] = nil
            return state.watchers.isEmpty
        }
        if isLast { queues.observe(false) }
    }

    func run() async throws {
        state.withLock { $0.isRunning = true }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let begin = ContinuousClock.now
                await self.tick()
                try? await Task.sleep(until: begin + Self.interval, clock: .continuous)
            }
        }
        let watchers = state.withLock { state in
            state.isRunning = false
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }

    private func tick() async {
        let now = Timestamp.now()
        let counters = try? await redis.send(LaneQueue.counters(lanes: lanes))
        let isWatched = state.withLock { state in
            state.history.add(counters, at: now)
            return !state.watchers.isEmpty
        }
        guard isWatched else { return }
        let families = try? await WorkerRegistry.metrics(redis)
        state.withLock { state in
            if let last = state.lastMetrics, now.seconds(since: last) > Self.longestGap { state.decisions.reset() }
            guard let families else { return }
            state.decisions.add(families)
            state.lastMetrics = now
        }
        let overview = await look(at: now, counters)
        if let depth = overview.deadLetters { onDeadLetters(depth) }
        let event = Self.event(overview)
        for watcher in state.withLock({ Array($0.watchers.values) }) { watcher.yield(event) }
    }

    private func look(at now: Timestamp) async -> Overview {
        await look(at: now, try? await redis.send(LaneQueue.counters(lanes: lanes)))
    }

    private func look(at now: Timestamp, _ counters: [LaneQueue.Counters?]?) async -> Overview {
        let recent = try? await redis.send(WorkerRegistry.recent)
        let live = try? await redis.send(WorkerRegistry.live(recent ?? []))
        let memory = (try? await redis.send(RedisMemory.lookUp)) ?? nil
        let depths = queues.depths
        let waiting = counters?.map { $0?.waiting } ?? []
        let report = StatusReport(
            lanes: lanes, depths: depths ?? QueueDepths([]), waiting: waiting, live: live ?? [], recent: recent ?? [],
            memory: memory, now: now)
        return state.withLock { state in
            Overview(
                report, waiting: waiting, stores: stores(), history: state.history, decisions: state.decisions,
                knowsDepths: depths != nil, knowsWorkers: live != nil, access: access, now: now)
        }
    }

    /// Encodes an overview as one event.
    static func event(_ overview: Overview) -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: overview\ndata: ")
        if let json = try? JSON.encoder.encode(overview) { buffer.writeBytes(json) }
        buffer.writeStaticString("\n\n")
        return buffer
    }
}
