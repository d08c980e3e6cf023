internal import Algorithms
internal import Claims
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Finds out the outcomes of replayed claims.
///
/// Redis announces changes, as for waiting clients. PostgreSQL then tells what changed.
final class ReplayTracker {
    private let session: OperatorSession
    private var changes: RedisSubscription?
    private var postgres: PostgresConnection?
    private let signal = WakeSignal()
    /// All open claims are looked up this often, because announcements may be lost.
    private static let fullLookUpInterval = Duration.seconds(2)
    /// Tracking ends after this time without a live worker.
    private static let patienceWithoutWorkers = Duration.seconds(5)
    private static let batchSize = 5000

    /// Subscribes to changes, so that none is missed from now on.
    init(_ session: OperatorSession) {
        self.session = session
        changes = try? RedisSubscription(to: RedisKeys.changes, on: session.stores.redis)
    }

    /// Waits until all outcomes are known, the time is up, or no worker is alive.
    ///
    /// - Parameter keepAlive: called at least every two seconds.
    /// - Returns: an outcome for each claim.
    func outcomes(
        of sent: [SentClaim], atMost time: Duration, keepAlive: () -> Void = {}
    ) -> [SentClaim: ReplayOutcome] {
        // A claim and its cancel may both be sent.
        var open = Dictionary(grouping: Set(sent), by: \.id)
        let total = open.count
        var outcomes: [SentClaim: ReplayOutcome] = [:]
        let end = ContinuousClock.now + time
        var lastSeenWorker = ContinuousClock.now
        var nextFullLookUp = ContinuousClock.now
        var changed: Set<ClaimID> = []
        while true {
            let isFull = ContinuousClock.now >= nextFullLookUp
            for (claim, outcome) in lookUp(isFull ? Array(open.keys) : changed.filter { open[$0] != nil }, open)
            where outcome != .pending {
                outcomes[claim] = outcome
                open[claim.id]?.removeAll { $0 == claim }
                if open[claim.id]?.isEmpty == true { open[claim.id] = nil }
            }
            session.progress(.init(.outcomes, done: total - open.count, total: total))
            keepAlive()
            if isFull {
                nextFullLookUp = .now + Self.fullLookUpInterval
                if hasWorkers() { lastSeenWorker = .now }
            }
            let now = ContinuousClock.now
            if open.isEmpty || now >= end || now - lastSeenWorker > Self.patienceWithoutWorkers { break }
            changed = nextChanges(until: min(end, nextFullLookUp))
        }
        for claim in open.values.joined() { outcomes[claim] = .pending }
        return outcomes
    }

    private func lookUp(_ ids: [ClaimID], _ open: [ClaimID: [SentClaim]]) -> [(SentClaim, ReplayOutcome)] {
        guard !ids.isEmpty else { return [] }
        if postgres?.isAlive != true {
            postgres = try? PostgresConnection(session.stores.database, name: session.connectionName)
        }
        guard let postgres else { return [] }
        var found: [(SentClaim, ReplayOutcome)] = []
        for batch in ids.chunks(ofCount: Self.batchSize) {
            guard let rows = try? DeadLetterStore(postgres).claims(Array(batch)).claims else { return found }
            for id in batch {
                for claim in open[id] ?? [] { found.append((claim, ReplayOutcome(rows[id], sent: claim))) }
            }
        }
        return found
    }

    /// Waits for announcements, and returns the claims that changed.
    private func nextChanges(until end: ContinuousClock.Instant) -> Set<ClaimID> {
        let time = max(.milliseconds(1), end - .now)
        guard let changes else {
            signal.wait(atMost: min(time, .seconds(1)))
            return []
        }
        guard let messages = try? changes.messages(orSignal: signal, atMost: time) else {
            self.changes = nil
            return []
        }
        return Set(messages.flatMap(ClaimCache.announcedIDs).compactMap { ClaimID(String($0)) })
    }

    private func hasWorkers() -> Bool {
        guard let redis = session.redis(), let live = try? WorkerRegistry.live(on: redis) else { return true }
        return !live.isEmpty
    }
}
