internal import Broker
internal import Claims
internal import OrderedCollections
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Sends dead letters back to their lanes.
///
/// It works in rounds and closes the dead-letter queue after each, so that other operators can open it. A message leaves
/// the dead-letter queue only after the broker has confirmed its copy in the work queue. After an interruption some
/// messages are in both queues; a claim whose message arrives twice is decided once.
package final class Replayer {
    package struct Options: Sendable {
        /// Messages per second; nil for no limit.
        package var rate: Double?
        /// Whether to send in growing steps, and to stop if too many claims of a step fail again.
        package var isRamp: Bool
        /// The longest wait for the claims' outcomes, of each step for a ramp.
        package var patience: Duration

        package init(rate: Double? = nil, isRamp: Bool = false, patience: Duration) {
            self.rate = rate
            self.isRamp = isRamp
            self.patience = patience
        }
    }

    private let session: OperatorSession
    private let options: Options
    private let store: DeadLetterStore
    private let redis: RedisConnection?
    private let publisher: ConfirmedPublisher<Int>
    private let tracker: ReplayTracker
    private let signal = WakeSignal()
    private let begin = ContinuousClock.now
    private var total = 0
    private var report = ReplayReport()

    private static let batchSize = 200
    private static let roundSize = 20_000
    /// Between two rounds, other operators may open the queue.
    private static let pauseBetweenRounds = Duration.milliseconds(150)
    /// Heartbeats are sent at least this often.
    private static let keepAliveInterval = Duration.seconds(10)

    /// Connects to PostgreSQL and the broker, and to Redis if it can be reached.
    ///
    /// - Throws: `PostgresError` or `BrokerError`.
    package init(_ session: OperatorSession, options: Options) throws {
        self.session = session
        self.options = options
        store = DeadLetterStore(try session.postgres())
        redis = session.redis()
        publisher = try session.publisher()
        tracker = ReplayTracker(session)
    }

    /// Sends the messages with these fingerprints, in this order, and waits for their claims' outcomes.
    ///
    /// - Throws: `BrokerError` or `PostgresError`; some messages may be sent then.
    package func run(_ fingerprints: [String]) throws -> ReplayReport {
        total = fingerprints.count
        guard options.isRamp else {
            _ = outcomes(of: try send(fingerprints[...]))
            return report
        }
        var rest = fingerprints[...]
        for size in RampSchedule() {
            let step = rest.prefix(size)
            rest = rest.dropFirst(size)
            let unfollowedBefore = report.unfollowed
            let outcomes = outcomes(of: try send(step)).values
            if rest.isEmpty { break }
            let failed = outcomes.count { $0 == .failedAgain }
            let undecided = outcomes.count { $0 == .pending } + report.unfollowed - unfollowedBefore
            if RampSchedule.stops(afterFailed: failed, undecided: undecided, of: step.count) {
                report.stopped =
                    "in a step of \(step.count.counted("message")), \(failed) failed again and \(undecided) still "
                    + "pending; \(rest.count) \(rest.count == 1 ? "was" : "were") left in the queue"
                break
            }
        }
        return report
    }

    private func outcomes(of sent: [SentClaim]) -> [SentClaim: ReplayOutcome] {
        guard !sent.isEmpty, options.patience > .zero else {
            for claim in sent { report.outcomes[claim] = .pending }
            return [:]
        }
        let outcomes = tracker.outcomes(of: sent, atMost: options.patience) {
            // Heartbeats. If the connection is lost, the next publish reports it.
            _ = try? publisher.receive()
        }
        report.outcomes.merge(outcomes) { $1 }
        return outcomes
    }

    // MARK: Sending

    private func send(_ fingerprints: ArraySlice<String>) throws -> [SentClaim] {
        var sent: [SentClaim] = []
        var rest = fingerprints
        var roundSize = Self.roundSize
        while !rest.isEmpty {
            let begin = ContinuousClock.now
            let queue = try DeadLetterQueue(session)
            defer { queue.close() }
            // A slow replay holds the queue for some seconds per round, or ten times as long as reading it took: other
            // operators get their turn, and reading a long queue does not take most of the time.
            if let rate = options.rate {
                let reading = (ContinuousClock.now - begin).inSeconds
                roundSize = max(1, Int(rate * max(2, reading * 10)))
            }
            sent += try send(rest.prefix(roundSize), from: queue)
            rest = rest.dropFirst(roundSize)
            queue.close()
            if !rest.isEmpty { signal.wait(atMost: Self.pauseBetweenRounds) }
        }
        return sent
    }

    /// The newest message of a claim, with its older ones.
    private struct ClaimEntries {
        var newest: DeadLetterQueue.Entry
        var older: [DeadLetterQueue.Entry] = []
        var letter: DeadLetter { newest.letter }
    }

    private func send(_ fingerprints: ArraySlice<String>, from queue: DeadLetterQueue) throws -> [SentClaim] {
        let wanted = Set(fingerprints)
        let found = queue.entries.filter { wanted.contains($0.letter.message.fingerprint) }
        report.gone += fingerprints.count - found.count
        var claims: OrderedDictionary<String, ClaimEntries> = [:]
        for entry in found {
            // Entries are in the order of death, so the last one of a claim is its newest.
            let key = entry.letter.claimID?.description ?? "message \(claims.count)"
            let older = claims.removeValue(forKey: key).map { $0.older + [$0.newest] } ?? []
            claims[key] = ClaimEntries(newest: entry, older: older)
        }
        let batchSize = options.rate.map { max(1, min(Self.batchSize, Int($0 / 5))) } ?? Self.batchSize
        var batches: [[SentClaim]] = []
        for batch in Array(claims.values).chunked(batchSize) {
            try pace(keepingAlive: queue)
            try queue.keepAlive()
            batches.append(try send(Array(batch), outOf: queue))
            session.progress(.init(.replaying, done: report.replayed, total: total))
        }
        // Again for rows that a worker had locked and then did not decide.
        for batch in batches {
            guard let time = batch.first?.at else { continue }
            try store.reopen(batch.map(\.id), diedUntil: time)
        }
        return batches.flatMap(\.self)
    }

    private func send(_ batch: [ClaimEntries], outOf queue: DeadLetterQueue) throws -> [SentClaim] {
        let (rows, time) = try store.claims(batch.compactMap(\.letter.claimID))
        func status(_ letter: DeadLetter) -> ClaimStatus? { letter.claimID.flatMap { rows[$0]?.status } }
        // An interrupted discard left the message in the queue. A worker would drop the message of a discarded claim.
        let discarded = batch.map(\.letter).filter { status($0) == .discarded }
        if !discarded.isEmpty {
            _ = try store.recordDeadLettered(discarded.compactMap(\.deadLetteredClaim))
            try store.recordRestored(discarded.map(\.message.fingerprint), by: session.operatorName)
        }
        let now = Timestamp.now()
        let confirmed = try publisher.deliver(
            batch.map(\.letter).map { letter in
                .toLane(
                    letter.lane(of: session.stores.lanes), letter.message.replayed(by: session.operatorName, at: now))
            })
        let stored = confirmed.sorted().map { batch[$0] }
        let ids = stored.compactMap(\.letter.claimID)
        try store.reopen(ids, diedUntil: time)
        reopenInRedis(stored.map(\.letter), ids, diedUntil: time)
        try queue.remove(stored.flatMap { $0.older + [$0.newest] })

        report.replayed += stored.count
        report.refused += batch.count - stored.count
        report.superseded += stored.reduce(0) { $0 + $1.older.count }
        report.unfollowed += stored.count - ids.count
        return stored.map(\.letter).compactMap { letter in
            guard let id = letter.claimID else { return nil }
            let isOpen =
                switch rows[id]?.status {
                case nil, .pending, .deadLettered, .discarded: true
                case .claimed: letter.isCancel
                case .rejected, .cancelled: false
                }
            return SentClaim(id: id, at: time, wasDecided: !isOpen, isCancel: letter.isCancel)
        }
    }

    /// Makes the claims pending in Redis and forgets the messages' poison strikes.
    ///
    /// Without Redis, its old state is replaced when the claims are decided.
    private func reopenInRedis(_ letters: [DeadLetter], _ ids: [ClaimID], diedUntil time: Timestamp) {
        guard !ids.isEmpty else { return }
        let strikes = letters.compactMap(\.message.properties.messageID).map(RedisKeys.strikes)
        let forget = RedisRequest<Void>(strikes.map { ["DEL", $0] })
        let reopened = letters.compactMap(\.reopenedClaim).map { ClaimState($0, at: time) }
        try? redis?.send(.all([ClaimCache.publish(reopened), forget, ClaimCache.announce(ids)]))
    }

    /// Waits until the rate allows the next messages.
    private func pace(keepingAlive queue: DeadLetterQueue) throws {
        guard let rate = options.rate else { return }
        let due = begin + .seconds(Double(report.replayed) / rate)
        while case let left = due - .now, left > .zero {
            signal.wait(atMost: min(left, Self.keepAliveInterval))
            try queue.keepAlive()
            _ = try publisher.receive()
        }
    }
}
