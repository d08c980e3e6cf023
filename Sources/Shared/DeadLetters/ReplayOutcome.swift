internal import Claims
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// What became of a claim that was sent back.
enum ReplayOutcome: Hashable, Sendable {
    /// It was decided, or cancelled if that is what it asks for, and not before.
    case decidedAnew(ClaimStatus)
    /// It had its outcome already, so the message was swallowed as a duplicate.
    case decidedBefore
    /// It lies in the dead-letter queue again.
    case failedAgain
    /// Nothing is known yet.
    case pending

    /// - Parameters:
    ///   - row: the claim's row now; nil if it has none.
    ///   - sent: how the claim stood when it was sent, and when that was.
    init(_ row: Claim?, sent: SentClaim) {
        switch row?.status {
        case nil, .pending: self = .pending
        case .deadLettered:
            // A row that is as old as the message it was sent by is about to be taken away.
            self = (row?.decidedAt).map { $0 > sent.at } == true ? .failedAgain : .pending
        case .claimed where sent.isCancel: self = .pending
        case .claimed, .rejected, .cancelled, .discarded:
            let status = row?.status ?? .pending
            self = sent.wasDecided ? .decidedBefore : .decidedAnew(status)
        }
    }
}

/// A claim whose message went back to its lane.
struct SentClaim: Hashable, Sendable {
    let id: ClaimID
    /// By the database's clock.
    let at: Timestamp
    let wasDecided: Bool
    /// Whether the message asks for the claim to be cancelled.
    var isCancel = false
}

/// Finds out what becomes of claims that were sent back.
///
/// It hears of changes through Redis as waiting clients do, and asks PostgreSQL what they came to.
final class ReplayTracker {
    private let stores: StoreSettings
    private var changes: RedisConnection?
    private var postgres: PostgresConnection?
    private let signal = WakeSignal()
    /// A wake-up may be lost.
    private static let fullLook = Duration.seconds(2)
    /// So long nobody may live before nothing is waited for.
    private static let patienceWithoutWorkers = Duration.seconds(5)

    /// Begins to listen, so that no change is missed that comes after.
    init(_ stores: StoreSettings) {
        self.stores = stores
        changes = try? RedisConnection(stores.redis, timeout: .seconds(2))
        if (try? changes?.send(["SUBSCRIBE", RedisKeys.changes])) == nil { changes = nil }
    }

    /// Waits until something has become of all of them, the time is up, or nobody lives who could decide them.
    ///
    /// - Parameter progress: told how many are left.
    func follow(_ sent: [SentClaim], atMost time: Duration, progress: (Int) -> Void) -> [SentClaim: ReplayOutcome] {
        var open = Dictionary(sent.map { ($0.id.description, $0) }) { $1 }
        var outcomes: [SentClaim: ReplayOutcome] = [:]
        let end = ContinuousClock.now + time
        var lastLife = ContinuousClock.now
        var nextFullLook = ContinuousClock.now
        var changed: Set<String> = []
        while true {
            let isFull = ContinuousClock.now >= nextFullLook
            let asked = isFull ? Array(open.keys) : changed.filter { open[$0] != nil }
            for (id, outcome) in look(asked, open) {
                guard outcome != .pending, let claim = open.removeValue(forKey: id) else { continue }
                outcomes[claim] = outcome
            }
            progress(open.count)
            if isFull {
                nextFullLook = .now + Self.fullLook
                if hasWorkers() { lastLife = .now }
            }
            let now = ContinuousClock.now
            if open.isEmpty || now >= end || now - lastLife > Self.patienceWithoutWorkers { break }
            changed = heard(until: min(end, nextFullLook))
        }
        for claim in open.values { outcomes[claim] = .pending }
        return outcomes
    }

    private func look(_ ids: [String], _ open: [String: SentClaim]) -> [(String, ReplayOutcome)] {
        guard !ids.isEmpty else { return [] }
        if postgres?.isAlive != true { postgres = try? PostgresConnection(stores.databaseURL, name: "claimctl dlq") }
        guard let postgres else { return [] }
        var found: [(String, ReplayOutcome)] = []
        for part in stride(from: 0, to: ids.count, by: 5000).map({ ids[$0..<min($0 + 5000, ids.count)] }) {
            guard let rows = try? DeadLetterStore(postgres).claims(Array(part)).claims else { return found }
            for id in part {
                if let claim = open[id] { found.append((id, ReplayOutcome(rows[id], sent: claim))) }
            }
        }
        return found
    }

    /// The claims that changed, as soon as there are some.
    private func heard(until end: ContinuousClock.Instant) -> Set<String> {
        let time = max(.milliseconds(1), end - .now)
        guard let changes else {
            signal.wait(atMost: min(time, .seconds(1)))
            return []
        }
        guard let messages = try? changes.messages(orSignal: signal, atMost: time) else {
            self.changes = nil
            return []
        }
        let texts = messages.compactMap { $0.array }.filter { $0.count == 3 }.compactMap { $0[2].string }
        return Set(texts.flatMap { $0.split(separator: " ").map(String.init) })
    }

    private func hasWorkers() -> Bool {
        guard let redis = try? RedisConnection(stores.redis, timeout: .seconds(1)),
            let living = try? WorkerRegistry.living(on: redis)
        else { return true }
        return !living.isEmpty
    }
}
