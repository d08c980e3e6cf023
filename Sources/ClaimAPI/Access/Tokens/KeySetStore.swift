import AsyncHTTPClient
import Foundation
import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization

/// The keys of the identity provider, loaded in the background. The last ones that could be loaded stay in use.
final class KeySetStore: Service {
    private struct State {
        var set: KeySet?
        /// What the set was parsed from.
        var json: Data?
        var isLoading = false
        var lastRequested: ContinuousClock.Instant?
        /// The requests that wait for the load that was triggered last.
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// The requests that wait for the end of the load under way.
        var joined: [CheckedContinuation<Void, Never>] = []
        var isStopped = false
    }

    private let source: KeySetSource
    private let cache: TokenCache
    private let logger: Logger
    private let state = Mutex(State())
    private let triggers: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let failures = Counter(label: "claims.jwks.failures")

    /// The shortest time between two loads that unknown keys cause.
    static let pause = Duration.seconds(10)
    /// The maximum number of requests that wait for a load. Others use the current keys.
    private static let mostWaiting = 1000

    /// - Parameter cache: cleared when a key is no longer in the set.
    init(_ source: KeySetSource, cache: TokenCache, logger: Logger) {
        self.source = source
        self.cache = cache
        self.logger = logger
        triggers = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The keys; nil until they are loaded for the first time.
    var current: KeySet? { state.withLock { $0.set } }

    /// Loads the keys again, because a token names an unknown one, and waits until they are loaded.
    ///
    /// It returns at once if they were asked for within ``pause``, unless that load is still under way.
    func reload() async {
        await withCheckedContinuation { (caller: CheckedContinuation<Void, Never>) in
            let (waits, starts) = state.withLock { state -> (Bool, Bool) in
                guard !state.isStopped, state.waiting.count + state.joined.count < Self.mostWaiting else {
                    return (false, false)
                }
                let now = ContinuousClock.now
                let starts = state.lastRequested.map { now - $0 >= Self.pause } ?? true
                if starts { state.lastRequested = now }
                // A load that is under way may have read the keys before they changed.
                if starts || !state.waiting.isEmpty {
                    state.waiting.append(caller)
                } else if state.isLoading {
                    state.joined.append(caller)
                } else {
                    return (false, false)
                }
                return (true, starts)
            }
            if starts { triggers.continuation.yield() }
            if !waits { caller.resume() }
        }
    }

    func run() async throws {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(3), read: .seconds(5)))
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await self.remind() }
                for await _ in self.triggers.stream { await self.load(with: client) }
                group.cancelAll()
            }
        }
        stopReloading()
        try await client.shutdown()
    }

    /// Ends all waits for a load. There are none afterwards.
    func stopReloading() {
        wake { state in
            state.isStopped = true
            state.joined += state.waiting
            state.waiting = []
        }
    }

    /// Triggers a load at the start and in intervals; sooner while there are no keys.
    private func remind() async {
        while !Task.isCancelled {
            triggers.continuation.yield()
            try? await Task.sleep(for: current == nil ? .seconds(1) : source.interval)
        }
    }

    private func load(with client: HTTPClient) async {
        state.withLock { state in
            state.isLoading = true
            (state.joined, state.waiting) = (state.waiting, [])
        }
        do {
            let json = try await source.load(with: client)
            if state.withLock({ $0.json }) != json { try await use(json) }
        } catch {
            failures.increment()
            logger.warning(
                "the keys of CLAIMS_JWKS can't be loaded; those in memory stay in use", metadata: ["error": "\(error)"])
        }
        wake { $0.isLoading = false }
    }

    /// Parses a set and uses it from now on.
    func use(_ json: Data) async throws(KeySet.Unusable) {
        let set = try await KeySet(json: json)
        let before = state.withLock { state in
            defer { (state.set, state.json) = (set, json) }
            return state.set
        }
        // Tokens of a key that was withdrawn must be refused from now on, also those that were verified.
        if let before, !set.contains(before) { cache.clear() }
        logger.info("keys of CLAIMS_JWKS loaded", metadata: ["keys": "\(set.keys.keys.sorted())"])
        for reason in set.refused {
            logger.warning("a key of CLAIMS_JWKS is not used", metadata: ["reason": "\(reason)"])
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let joined = state.withLock { state in
            change(&state)
            defer { state.joined = [] }
            return state.joined
        }
        for caller in joined { caller.resume() }
    }
}
