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
        var open = Dictionary(sent.map { ($0.id, $0) }) { $1 }
        var outcomes: [SentClaim: ReplayOutcome] = [:]
        let end = ContinuousClock.now + time
        var lastSeenWorker = ContinuousClock.now
        var nextFullLookUp = ContinuousClock.now
        var changed: Set<ClaimID> = []
        while true {
            let isFull = ContinuousClock.now >= nextFullLookUp
            for (id, outcome) in lookUp(isFull ? Array(open.keys) : changed.filter { open[$0] != nil }, open) {
                guard outcome != .pending, let claim = open.removeValue(forKey: id) else { continue }
                outcomes[claim] = outcome
            }
            session.progress(.init(.outcomes, done: sent.count - open.count, total: sent.count))
            keepAlive()
            if isFull {
                nextFullLookUp = .now + Self.fullLookUpInterval
                if hasWorkers() { lastSeenWorker = .now }
            }
            let now = ContinuousClock.now
            if open.isEmpty || now >= end || now - lastSeenWorker > Self.patienceWithoutWorkers { break }
            changed = nextChanges(until: min(end, nextFullLookUp))
        }
        for claim in open.values { outcomes[claim] = .pending }
        return outcomes
    }

    private func lookUp(_ ids: [ClaimID], _ open: [ClaimID: SentClaim]) -> [(ClaimID, ReplayOutcome)] {
        guard !ids.isEmpty else { return [] }
        if postgres?.isAlive != true {
            postgres = try? PostgresConnection(session.stores.database, name: session.connectionName)
        }
        guard let postgres else { return [] }
        var found: [(ClaimID, ReplayOutcome)] = []
        for batch in ids.chunked(Self.batchSize) {
            guard let rows = try? DeadLetterStore(postgres).claims(Array(batch)).claims else { return found }
            for id in batch {
                if let claim = open[id] { found.append((id, ReplayOutcome(rows[id], sent: claim))) }
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
        return Set(messages.flatMap { $0.split(separator: " ").compactMap { ClaimID(String($0)) } })
    }

    private func hasWorkers() -> Bool {
        guard let redis = session.redis(), let live = try? WorkerRegistry.live(on: redis) else { return true }
        return !live.isEmpty
    }
}
