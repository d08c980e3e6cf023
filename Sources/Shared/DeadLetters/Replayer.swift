internal import Broker
internal import Claims
import OrderedCollections
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Sends dead letters back to their lanes.
///
/// In short turns, each with the dead-letter queue in hand, so that others can look in between. Within a turn a message
/// leaves the dead-letter queue only after the broker has confirmed its copy in the work queue; killed in the middle,
/// some lie in both, and a copy that comes twice is decided once.
final class Replayer {
    struct Options {
        /// Messages a second; nil for as fast as it goes.
        var rate: Double?
        var isRamp = false
        /// How long to wait for what becomes of the claims.
        var patience: Duration
    }

    struct Report {
        /// Messages whose copy was confirmed.
        var replayed = 0
        /// Older messages of the same claims, which went out of the queue with them.
        var superseded = 0
        /// Messages that were meant and lay there no more.
        var gone = 0
        /// Messages that the broker did not take; they stay where they are.
        var refused = 0
        /// Messages without a claim's id, which nobody can follow.
        var unfollowed = 0
        var outcomes: [SentClaim: ReplayOutcome] = [:]
        /// Why it ended before everything was sent; nil if it did not.
        var stopped: String?

        func count(_ isMeant: (ReplayOutcome) -> Bool) -> Int { outcomes.values.count(where: isMeant) }
    }

    private let stores: StoreSettings
    private let options: Options
    private let store: DeadLetterStore
    private let redis: RedisConnection?
    private let courier: ConfirmedPublisher
    private let watch: ReplayTracker
    private let user = Terminal.userName
    private var report = Report()
    private var progress: Progress
    private let begin = ContinuousClock.now

    /// - Throws: ``PostgresError`` or ``BrokerError`` if one of them can't be reached. Without Redis it goes on.
    init(of count: Int, _ stores: StoreSettings, options: Options) throws {
        self.stores = stores
        self.options = options
        store = DeadLetterStore(try PostgresConnection.ofOperator(stores))
        redis = try? RedisConnection(stores.redis, timeout: .seconds(2))
        courier = try ConfirmedPublisher(stores)
        watch = ReplayTracker(stores)
        progress = Progress("replaying", of: count)
    }

    /// Sends the messages with these fingerprints, in this order.
    func run(_ fingerprints: [String]) throws -> Report {
        defer { progress.clear() }
        var rest = fingerprints[...]
        if options.isRamp {
            for size in RampSchedule() {
                let step = rest.prefix(size)
                rest = rest.dropFirst(size)
                let before = report.unfollowed
                let outcomes = follow(try send(step))
                let failed = outcomes.values.count { $0 == .failedAgain }
                let undecided = outcomes.values.count { $0 == .pending } + report.unfollowed - before
                if RampSchedule.stops(afterFailed: failed, undecided: undecided, of: step.count), !rest.isEmpty {
                    report.stopped =
                        "of a step of \(step.count), \(failed) failed again and \(undecided) came to nothing yet; "
                        + "\(rest.count) were left where they are"
                    break
                }
                if rest.isEmpty { break }
            }
        } else {
            _ = follow(try send(rest))
        }
        return report
    }

    private func follow(_ sent: [SentClaim]) -> [SentClaim: ReplayOutcome] {
        guard !sent.isEmpty, options.patience > .zero else {
            for claim in sent { report.outcomes[claim] = .pending }
            return [:]
        }
        var outcomes = Progress("outcomes of", of: sent.count)
        let outcomes = watch.follow(sent, atMost: options.patience) { outcomes.show(sent.count - $0) }
        outcomes.clear()
        report.outcomes.merge(outcomes) { $1 }
        return outcomes
    }

    // MARK: Sending

    private func send(_ fingerprints: ArraySlice<String>) throws -> [SentClaim] {
        var sent: [SentClaim] = []
        var rest = fingerprints
        var turnLength = 20_000
        while !rest.isEmpty {
            let begin = ContinuousClock.now
            let queue = try DeadLetterQueue(stores) {
                progress.clear(); Terminal.note($0)
            }
            defer { queue.close() }
            // Nobody else can look meanwhile, so a slow replay has the queue in hand for some seconds at a time; but
            // what it takes to read a very long queue must not be most of the work either.
            if let rate = options.rate {
                let reading = (ContinuousClock.now - begin) / .seconds(1)
                turnLength = max(1, Int(rate * max(2, reading * 10)))
            }
            sent += try send(rest.prefix(turnLength), from: queue)
            rest = rest.dropFirst(turnLength)
            queue.close()
            if !rest.isEmpty { WakeSignal().wait(atMost: .milliseconds(150)) }
        }
        return sent
    }

    /// A message with the older ones of the same claim.
    private struct OutgoingMessage {
        var newest: DeadLetterQueue.Held
        var older: [DeadLetterQueue.Held] = []
        var letter: DeadLetter { newest.letter }
    }

    private func send(_ fingerprints: ArraySlice<String>, from queue: DeadLetterQueue) throws -> [SentClaim] {
        let wanted = Set(fingerprints)
        let found = queue.held.filter { wanted.contains($0.letter.message.fingerprint) }
        report.gone += fingerprints.count - found.count
        var parcels: OrderedDictionary<String, OutgoingMessage> = [:]
        for held in found {
            // In the order of death, so the last one of a claim is its newest.
            let key = held.letter.claimID?.description ?? "message \(parcels.count)"
            let older = parcels.removeValue(forKey: key).map { $0.older + [$0.newest] } ?? []
            parcels[key] = OutgoingMessage(newest: held, older: older)
        }
        let size = options.rate.map { max(1, min(200, Int($0 / 5))) } ?? 200
        var batches: [[SentClaim]] = []
        var rest = parcels.values[...]
        while !rest.isEmpty {
            pace()
            try queue.keepAlive()
            batches.append(try send(Array(rest.prefix(size)), outOf: queue))
            rest = rest.dropFirst(size)
            progress.show(report.replayed)
        }
        // Once more for those that a worker had in hand, and could not decide after all.
        for batch in batches {
            guard let time = batch.first?.at else { continue }
            try store.reopen(batch.map(\.id.description), diedUntil: time)
        }
        return batches.flatMap(\.self)
    }

    private func send(_ parcels: [OutgoingMessage], outOf queue: DeadLetterQueue) throws -> [SentClaim] {
        let (claims, time) = try store.claims(parcels.compactMap { $0.letter.claimID?.description })
        // Discarded, but it lies there still: the discard was broken off. A worker would swallow it.
        let discarded = parcels.filter { parcel in
            parcel.letter.claimID.flatMap { claims[$0.description] }?.status == .discarded
        }
        if !discarded.isEmpty {
            _ = try store.recordDeadLettered(discarded.compactMap(\.letter.deadLetteredClaim))
            try store.restored(discarded.map(\.letter.message.fingerprint), by: user)
        }
        let now = Timestamp.now()
        let confirmed = try courier.deliver(
            parcels.map { parcel in
                let letter = parcel.letter
                return .toLane(
                    letter.lane(of: stores.lanes), courier.numbered(letter.message.replayed(by: user, at: now)))
            })
        let through = confirmed.sorted().map { parcels[$0] }
        let ids = through.compactMap(\.letter.claimID)
        try store.reopen(ids.map(\.description), diedUntil: time)
        tellRedis(through, ids, diedUntil: time)
        try queue.remove(through.flatMap { $0.older + [$0.newest] })

        report.replayed += through.count
        report.refused += parcels.count - through.count
        report.superseded += through.reduce(0) { $0 + $1.older.count }
        report.unfollowed += through.count - ids.count
        let cancels = Set(through.filter(\.letter.isCancel).compactMap(\.letter.claimID))
        return ids.map { id in
            let status = claims[id.description]?.status
            let isCancel = cancels.contains(id)
            let isOpen =
                status == nil || status == .deadLettered || status == .discarded || isCancel && status == .claimed
            return SentClaim(id: id, at: time, wasDecided: !isOpen, isCancel: isCancel)
        }
    }

    private func tellRedis(_ parcels: [OutgoingMessage], _ ids: [ClaimID], diedUntil time: Timestamp) {
        guard !ids.isEmpty else { return }
        let marks = parcels.compactMap(\.letter.message.properties.messageID).map { ["DEL", RedisKeys.suspect($0)] }
        let commands = ids.map { ClaimCache.reopen($0, diedUntil: time) } + marks + [ClaimCache.announce(ids)]
        // What Redis still shows is put right when the claims are decided.
        _ = try? redis?.pipeline(commands)
    }

    /// Waits until the next messages are due.
    private func pace() {
        guard let rate = options.rate else { return }
        let due = begin + .seconds(Double(report.replayed) / rate)
        let left = due - .now
        if left > .zero { WakeSignal().wait(atMost: left) }
    }
}

extension PostgresConnection {
    /// A connection for what an operator does: with as much time as a long list takes.
    static func ofOperator(_ stores: StoreSettings) throws(PostgresError) -> PostgresConnection {
        try PostgresConnection(
            stores.databaseURL, name: "claimctl dlq",
            timeouts: Timeouts(lock: .seconds(10), statement: .seconds(120), answer: .seconds(150)))
    }
}
