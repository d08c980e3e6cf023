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
///
/// A cancel is sent after its claim has an outcome. A worker drops the cancel of a claim that is not decided yet, so a
/// cancel whose claim is dead-lettered or pending waits for the claims of this replay, and else stays in the queue.
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
    private var publisher: ConfirmedPublisher<Int>
    private let tracker: ReplayTracker
    private let signal = WakeSignal()
    private let begin = ContinuousClock.now
    private var total = 0
    private var report = ReplayReport()
    /// The cancels that were not sent, with the ids of their claims.
    private var waiting: [(fingerprint: CompactID, claim: ClaimID)] = []

    private static let batchSize = 200
    /// Between two rounds, other operators may open the queue.
    private static let pauseBetweenRounds = Duration.milliseconds(150)

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
    /// - Throws: `BrokerError`, `PostgresError` or ``DeadLetterError/Code/temporaryFile``; some messages may be sent then.
    package func run(_ fingerprints: [CompactID]) throws -> ReplayReport {
        total = fingerprints.count
        if options.isRamp {
            try ramp(fingerprints)
        } else {
            _ = outcomes(of: try send(fingerprints[...]))
        }
        if report.stopped == nil { try sendWaitingCancels() }
        report.waiting = waiting.count
        return report
    }

    private func ramp(_ fingerprints: [CompactID]) throws {
        var rest = fingerprints[...]
        for size in RampSchedule() {
            let step = rest.prefix(size)
            rest = rest.dropFirst(size)
            let unknownBefore = report.unfollowed + report.refused
            let outcomes = outcomes(of: try send(step)).values
            if rest.isEmpty { break }
            let failed = outcomes.count { $0 == .failedAgain }
            let undecided = outcomes.count { $0 == .pending } + report.unfollowed + report.refused - unknownBefore
            if RampSchedule.stops(afterFailed: failed, undecided: undecided, of: step.count) {
                report.stopped =
                    "in a step of \(step.count.counted("message")), \(failed) failed again and \(undecided) have no "
                    + "outcome; \(rest.count) \(rest.count == 1 ? "was" : "were") left in the queue"
                break
            }
        }
    }

    /// Sends the cancels whose claims this replay has sent.
    private func sendWaitingCancels() throws {
        let sent = Set(report.outcomes.keys.map(\.id))
        let ready = waiting.filter { sent.contains($0.claim) }
        guard !ready.isEmpty else { return }
        waiting.removeAll { sent.contains($0.claim) }
        _ = outcomes(of: try send(ready.map(\.fingerprint)[...]))
    }

    private func outcomes(of sent: [SentClaim]) -> [SentClaim: ReplayOutcome] {
        guard !sent.isEmpty, options.patience > .zero else {
            for claim in sent { report.outcomes[claim] = .pending }
            return [:]
        }
        let outcomes = tracker.outcomes(of: sent, atMost: options.patience) {
            // Heartbeats. If the connection is lost, the next round replaces it.
            _ = try? publisher.receive()
        }
        report.outcomes.merge(outcomes) { $1 }
        return outcomes
    }

    // MARK: Sending

    /// Sends and checks heartbeats. Replaces a connection that is lost, or on which the broker refuses messages; nothing is
    /// unconfirmed between two batches.
    private func keepPublisherAlive() throws(BrokerError) {
        do {
            _ = try publisher.receive()
        } catch {
            publisher.close()
            publisher = try session.publisher()
        }
    }

    private func send(_ fingerprints: ArraySlice<CompactID>) throws -> [SentClaim] {
        var sent: [SentClaim] = []
        var rest = fingerprints
        while !rest.isEmpty {
            let queue = try DeadLetterQueue(session) { [unowned self] () throws(BrokerError) in
                try keepPublisherAlive()
            }
            defer { queue.close() }
            let round = rest.prefix(OperatorRound.size(depth: try queue.depth(), rate: options.rate))
            rest = rest.dropFirst(round.count)
            sent += try send(round, from: queue)
            queue.close()
            if !rest.isEmpty { signal.wait(atMost: Self.pauseBetweenRounds) }
        }
        return sent
    }

    private func send(_ fingerprints: ArraySlice<CompactID>, from queue: DeadLetterQueue) throws -> [SentClaim] {
        var round = try ReplayRound(queue, Set(fingerprints))
        report.gone += fingerprints.count - round.count
        let batchSize = options.rate.map { max(1, min(Self.batchSize, Int($0 / 5))) } ?? Self.batchSize
        var batches: [[SentClaim]] = []
        while case let batch = try round.next(batchSize), !batch.isEmpty {
            try pace(keepingAlive: queue)
            try queue.keepAlive()
            batches.append(try send(batch, outOf: queue))
            session.progress(.init(.replaying, done: report.replayed, total: total))
        }
        // Again for rows that a worker had locked and then did not decide.
        for batch in batches {
            let claims = batch.filter { !$0.isCancel }
            guard let time = claims.first?.at else { continue }
            try store.reopen(claims.map(\.id), diedUntil: time)
        }
        return batches.flatMap(\.self)
    }

    private func send(_ all: [ReplayRound.Item], outOf queue: DeadLetterQueue) throws -> [SentClaim] {
        let (rows, time) = try store.claims(all.compactMap(\.letter.claimID))
        func status(_ letter: DeadLetter) -> ClaimStatus? { letter.claimID.flatMap { rows[$0]?.status } }
        let batch = all.filter { item in
            guard item.letter.isCancel, let id = item.letter.claimID, !SentClaim.canCancel(status(item.letter)) else {
                return true
            }
            waiting.append((item.letter.message.compactFingerprint, id))
            return false
        }
        // An interrupted discard left the message in the queue. A worker would drop the message of a discarded claim.
        let discarded = batch.map(\.letter).filter { !$0.isCancel && status($0) == .discarded }
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
        // A cancel leaves its claim as it is.
        let reopened = stored.map(\.letter).filter { !$0.isCancel }.compactMap(\.claimID)
        try store.reopen(reopened, diedUntil: time)
        updateRedis(stored.map(\.letter), reopening: reopened, diedUntil: time)
        try queue.remove(stored.flatMap(\.handles))

        let sent = stored.map(\.letter).compactMap { letter in
            letter.claimID.map { SentClaim(id: $0, at: time, status: status(letter), isCancel: letter.isCancel) }
        }
        report.replayed += stored.count
        report.refused += batch.count - stored.count
        report.superseded += stored.reduce(0) { $0 + $1.older.count }
        report.unfollowed += stored.count - sent.count
        return sent
    }

    /// Makes the claims pending in Redis and forgets the messages' poison strikes.
    ///
    /// Without Redis, its old state is replaced when the claims are decided.
    private func updateRedis(_ letters: [DeadLetter], reopening ids: [ClaimID], diedUntil time: Timestamp) {
        let messages = letters.compactMap { letter in
            letter.message.properties.messageID.map { letter.isCancel ? "\($0):cancel" : $0 }
        }
        guard !messages.isEmpty || !ids.isEmpty else { return }
        let forget = RedisRequest<Void>(messages.map { ["DEL", RedisKeys.strikes(of: $0)] })
        let reopened = letters.filter { !$0.isCancel }.compactMap(\.reopenedClaim).map { ClaimState($0, at: time) }
        try? redis?.send(.all([ClaimCache.publish(reopened), forget, ClaimCache.announce(ids)]))
    }

    /// Waits until the rate allows the next messages.
    private func pace(keepingAlive queue: DeadLetterQueue) throws {
        guard let rate = options.rate else { return }
        let due = begin + .seconds(Double(report.replayed + report.refused) / rate)
        while case let left = due - .now, left > .zero {
            signal.wait(atMost: min(left, session.keepAliveInterval))
            try queue.keepAlive()
        }
    }
}
