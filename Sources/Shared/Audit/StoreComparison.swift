internal import Algorithms
internal import Broker
internal import Claims
internal import DeadLetters
internal import Postgres
internal import Redis
internal import RuntimeSupport
internal import Settings

/// One pass over the claims in Redis. It holds a bounded number of them.
///
/// A claim without a row usually waits in RabbitMQ, or is being decided at this moment. So it is looked at several times,
/// and counts as waiting while its lane is not empty. The broker does not tell which claims a lane has: reading a lane
/// would take it from its worker and raise the delivery count of each message.
final class StoreComparison {
    private typealias Candidates = [ClaimID: LostClaim]

    private let session: OperatorSession
    private let issuer: ClaimIDIssuer
    private let redis: RedisConnection
    private let postgres: PostgresConnection
    private var broker: AMQPConnection
    private var depths: QueueDepthReader
    /// Claims without a row that were seen once.
    private var candidates: Candidates = [:]

    private(set) var known = 0
    private(set) var knownSince: Timestamp?
    private(set) var waiting = 0
    private(set) var lostCount = 0
    private(set) var lost: [ClaimID: LostClaim] = [:]
    private var promised: [String: Int] = [:]
    /// The coupons that lost cancellations give back.
    private var returning: [String: Int] = [:]
    /// The stored claims that were compared, by whether the issuer has issued their ids.
    private var stored = (own: 0, foreign: 0)

    private static let pageSize = 1000
    /// The most candidates that are looked at together.
    private static let windowSize = 10_000
    /// The most lost claims that are kept, without those that were claimed or cancelled: amounts limit their number.
    private static let listLimit = 100_000
    private static let looks = 5
    private static let pauseBetweenLooks = Duration.seconds(1)

    init(_ session: OperatorSession, issuer: ClaimIDIssuer) throws {
        self.session = session
        self.issuer = issuer
        redis = try RedisConnection(session.stores.redis, timeout: .seconds(10))
        postgres = try session.postgres()
        issuer.datesIDsFrom = try DatedIDs.firstDay(on: postgres)
        broker = try session.broker()
        depths = try QueueDepthReader(lanes: session.stores.lanes, broker)
    }

    func close() { broker.close() }

    /// Reads all pages.
    func run() throws {
        let total = try redis.send(ClaimCache.keyCount)
        var position = ClaimCache.start
        repeat {
            let page = try redis.send(ClaimCache.page(from: position, count: Self.pageSize))
            let accepted = try accepted(page.digests.compactMap(Self.identity))
            known += accepted.count
            knownSince = (accepted.compactMap { $0.entry.claim?.createdAt } + [knownSince].compactMap(\.self)).min()
            candidates.merge(try unstored(accepted)) { $1 }
            if candidates.count >= Self.windowSize { try settle() }
            session.progress(.init(.comparing, done: min(known, total), total: total))
            // Heartbeats are sent and checked here.
            while try broker.nextEvent() != nil {}
            position = page.next
        } while position != ClaimCache.start
        try settle()
        if stored.own == 0, stored.foreign > 0 {
            throw SettingError(
                description: "\(ClaimIDIssuer.setting.name) is not that of ClaimAPI: it did not issue the stored ids")
        }
    }

    /// Returns the coupons of the lost claims that were claimed, by name.
    func promises() throws(PostgresError) -> [AcceptedClaims.Promise] {
        let names = promised.keys.sorted()
        let rows = try postgres.execute(
            "select name, remaining_amount from coupons where name = any($1)", [.texts(names)])
        let remaining = Dictionary(
            uniqueKeysWithValues: (0..<rows.count).map { (rows.text($0, 0) ?? "", rows.integer($0, 1)) })
        return names.map { name in
            AcceptedClaims.Promise(
                couponName: name, promised: promised[name] ?? 0,
                remaining: remaining[name].flatMap(\.self).map { $0 + returning[name, default: 0] })
        }
    }

    // MARK: Looking up

    /// Returns an id with a digest, for look-ups: ids with the same digest are equal.
    private static func identity(_ digest: String) -> ClaimID? {
        ClaimID(digest + String(repeating: "0", count: max(0, 40 - digest.count)))
    }

    /// Returns the accepted ones of these claims, as Redis remembers them.
    private func accepted(_ ids: [ClaimID]) throws(RedisError) -> [(id: ClaimID, entry: ClaimCache.Entry)] {
        let entries = try redis.send(RedisRequest.all(ids.map(ClaimCache.lookUp)))
        return zip(ids, entries).compactMap { id, entry in
            entry.flatMap { $0.isAccepted ? (id, $0) : nil }
        }
    }

    /// Returns those of which PostgreSQL knows nothing, or less than Redis.
    private func unstored(
        _ accepted: [(id: ClaimID, entry: ClaimCache.Entry)]
    ) throws(PostgresError) -> Candidates {
        guard !accepted.isEmpty else { return [:] }
        // PostgreSQL is read after Redis, so that it is not behind.
        let stored = try ClaimStore(postgres).find(accepted.map(\.id))
        for claim in stored.values {
            if issuer.issued("\(claim.id)") != nil { self.stored.own += 1 } else { self.stored.foreign += 1 }
        }
        var candidates: Candidates = [:]
        for (id, entry) in accepted {
            let status = stored[id]?.status
            guard LostClaim.isLost(known: entry.claim?.status ?? .pending, stored: status) else { continue }
            let full = entry.claim?.createdAt.flatMap { issuer.id(digest: id.digest, at: $0) }
            candidates[id] = LostClaim(id: stored[id]?.id ?? full ?? id, known: entry, stored: status)
        }
        let missing = candidates.values.filter { $0.storedStatus == nil }.map(\.id)
        for id in try archived(missing) { candidates[id] = nil }
        return candidates
    }

    /// Returns those of these claims that were archived after the retention period.
    private func archived(_ ids: [ClaimID]) throws(PostgresError) -> [ClaimID] {
        guard !ids.isEmpty else { return [] }
        let rows = try postgres.execute(
            """
            select found.id from unnest($1::text[]) as asked(digest) cross join lateral (
                select id from claims_archive
                where id >= asked.digest collate "C" and id < (asked.digest || 'w') collate "C" limit 1
            ) found
            """, [.texts(ids.map { String($0.digest) })])
        return (0..<rows.count).compactMap { rows.text($0, 0).flatMap(ClaimID.init) }
    }

    // MARK: Deciding what is lost

    /// Looks at the candidates again until each is stored, waiting or lost.
    private func settle() throws {
        var open = candidates
        candidates = [:]
        // Only these may be stored or waiting at the next look: a decision is committed before Redis learns of it, and a
        // replay has deleted the row of its claim before.
        let mayChange = { (claim: LostClaim) in claim.status == .pending || claim.status == .deadLettered }
        for look in 0..<Self.looks where open.values.contains(where: mayChange) {
            if look > 0 { WakeSignal().wait(atMost: Self.pauseBetweenLooks) }
            // A claim that leaves the broker after this has a row in the next step.
            let queues = try busyQueues()
            open = try stillUnstored(Array(open.keys))
            let isWaiting = { (claim: LostClaim) in queues.mayHold(claim, lanes: self.session.stores.lanes) }
            waiting += open.values.count(where: isWaiting)
            open = open.filter { !isWaiting($1) }
        }
        let before = open.count
        if !open.isEmpty { try removeDeadLetters(from: &open) }
        waiting += before - open.count
        for (id, claim) in open where lost[id] == nil {
            lostCount += 1
            if let coupon = claim.couponName {
                if claim.status == .claimed { promised["\(coupon)", default: 0] += 1 }
                if claim.status == .cancelled, claim.storedStatus == .claimed {
                    returning["\(coupon)", default: 0] += 1
                }
            }
            let holdsPromise = claim.status == .claimed || claim.status == .cancelled
            if holdsPromise || lost.count < Self.listLimit { lost[id] = claim }
        }
    }

    private func stillUnstored(_ ids: [ClaimID]) throws -> Candidates {
        var open: Candidates = [:]
        for page in ids.chunks(ofCount: Self.pageSize) {
            open.merge(try unstored(try accepted(Array(page)))) { $1 }
        }
        return open
    }

    /// Reads which queues have messages, and of which lanes workers hold messages.
    private func busyQueues() throws -> BusyQueues {
        let unacknowledged = try WorkerRegistry.live(on: redis).flatMap { worker in
            (worker.unacknowledged ?? [:]).filter { $0.value > 0 }.map(\.key)
        }
        return BusyQueues(try depths.read(), unacknowledged: Set(unacknowledged))
    }

    /// Removes the claims that have a message in the dead-letter queue.
    private func removeDeadLetters(from open: inout Candidates) throws {
        // The queue may be long, and this connection could send no heartbeats while it is read.
        broker.close()
        var dead: Set<ClaimID> = []
        try DeadLetterQueue.forEachLetter(session) { letter in
            guard let id = ClaimID(letter.id), let claim = open[id] else { return }
            if letter.isCancel == (claim.storedStatus == .claimed) { dead.insert(id) }
        }
        for id in dead { open[id] = nil }
        broker = try session.broker()
        depths = try QueueDepthReader(lanes: session.stores.lanes, broker)
    }
}
