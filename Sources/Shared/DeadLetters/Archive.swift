internal import Broker
internal import Claims
import OrderedCollections
internal import Postgres
internal import Redis

/// Takes dead letters out of the queue for good, and brings messages back into it.
///
/// What goes out is archived first, and what comes in is confirmed first, so whatever is broken off in the middle can be
/// run again.
final class Archive {
    struct Discarded: Encodable {
        /// Messages that left the queue.
        var discarded = 0
        /// Claims that read discarded now; the others are decided, or nobody's.
        var claims = 0
        /// Messages that were meant and lay there no more.
        var gone = 0
    }

    struct Restored: Encodable {
        /// Messages that were put into the queue.
        var restored = 0
        /// Messages that lay there already.
        var present = 0
        /// Claims that read dead_lettered now; the others are decided, or nobody's.
        var claims = 0

        enum CodingKeys: String, CodingKey {
            case restored, present, claims
        }
    }

    private let stores: StoreSettings
    private let store: DeadLetterStore
    private let redis: RedisConnection?
    private let user = Terminal.userName
    private static let batch = 200
    /// Messages treated before others may look into the queue in between.
    private static let turn = 20_000

    /// - Throws: ``PostgresError`` if it can't be reached. Without Redis it goes on.
    init(_ stores: StoreSettings) throws(PostgresError) {
        self.stores = stores
        store = DeadLetterStore(try PostgresConnection.ofOperator(stores))
        redis = try? RedisConnection(stores.redis, timeout: .seconds(2))
    }

    // MARK: Out

    /// Discards the messages with these fingerprints.
    func discard(_ fingerprints: [String], note: String?) throws -> Discarded {
        var report = Discarded()
        var progress = Progress("discarding", of: fingerprints.count)
        defer { progress.clear() }
        var rest = fingerprints[...]
        while !rest.isEmpty {
            let queue = try DeadLetterQueue(stores) { Terminal.note($0) }
            defer { queue.close() }
            let wanted = Set(rest.prefix(Self.turn))
            let count = min(Self.turn, rest.count)
            rest = rest.dropFirst(count)
            var found = queue.held.filter { wanted.contains($0.letter.message.fingerprint) }[...]
            report.gone += count - found.count
            while !found.isEmpty {
                let batch = Array(found.prefix(Self.batch))
                found = found.dropFirst(Self.batch)
                report.claims += try archive(batch.map(\.letter), as: .discarded, note: note).count
                try queue.remove(batch)
                try queue.keepAlive()
                report.discarded += batch.count
                progress.show(report.discarded)
            }
        }
        return report
    }

    /// Archives messages; discarded ones make their claims read so.
    ///
    /// - Returns: the claims that read discarded now.
    @discardableResult
    func archive(
        _ letters: [DeadLetter], as action: DeadLetterStore.Archived.Action, note: String?
    ) throws -> [Claim] {
        let alike = OrderedDictionary(grouping: letters, by: { $0.message.fingerprint })
        let entries = try alike.map { fingerprint, letters in
            DeadLetterStore.Archived(
                action: action, id: letters[0].id, fingerprint: fingerprint, copies: letters.count, note: note,
                doneBy: user, message: try ExportedMessage(letters[0]).line)
        }
        let claims = letters.compactMap(\.deadLetteredClaim).map { claim in
            var claim = claim
            claim.reason = note
            return claim
        }
        let changed = try store.archive(entries, discarding: action == .discarded ? claims : [])
        announce(changed)
        return changed
    }

    // MARK: In

    /// What was discarded under these names and not restored.
    func discarded(_ names: [String]) throws(PostgresError) -> [DeadLetterStore.Archived] {
        try store.discarded(names)
    }

    /// Brings discarded messages back.
    func restore(_ entries: [DeadLetterStore.Archived]) throws -> Restored {
        var letters: [DeadLetter] = []
        for entry in entries {
            let letter: DeadLetter
            do throws(ExportedMessage.ValidationError) {
                letter = try ExportedMessage(line: entry.message).letter
            } catch {
                throw Failure.failed("the archived message \(entry.id) can't be read: \(error)")
            }
            letters += Array(repeating: letter, count: entry.copies)
        }
        let report = try putBack(letters)
        try store.restored(entries.map(\.fingerprint), by: user)
        return report
    }

    /// Puts messages into the dead-letter queue that do not lie there; their claims read dead-lettered again.
    func putBack(_ letters: [DeadLetter]) throws -> Restored {
        var report = Restored()
        var progress = Progress("putting back", of: letters.count)
        defer { progress.clear() }
        let courier = try ConfirmedPublisher(stores)
        defer { courier.close() }
        // Nobody else puts something back, or takes it out, until this is through.
        let queue = try DeadLetterQueue(stores) { Terminal.note($0) }
        defer { queue.close() }
        var present = Dictionary(queue.held.map { ($0.letter.message.fingerprint, 1) }, uniquingKeysWith: +)
        let missing = letters.filter { letter in
            let fingerprint = letter.message.fingerprint
            guard let count = present[fingerprint], count > 0 else { return true }
            present[fingerprint] = count - 1
            return false
        }
        report.present = letters.count - missing.count
        for start in stride(from: 0, to: missing.count, by: Self.batch) {
            let batch = Array(missing[start..<min(start + Self.batch, missing.count)])
            let confirmed = try courier.deliver(batch.map { .toDeadLetters($0.message) })
            report.restored += confirmed.count
            guard confirmed.count == batch.count else {
                throw Failure.failed(
                    "the broker did not take all messages; \(report.restored) were put back, run it again for the rest")
            }
            try queue.keepAlive()
            progress.show(report.restored)
        }
        // Also for those that lay there: their claims may have been left in between.
        for start in stride(from: 0, to: letters.count, by: Self.batch) {
            let batch = letters[start..<min(start + Self.batch, letters.count)]
            let claims = try store.recordDeadLettered(batch.compactMap(\.deadLetteredClaim))
            announce(claims)
            report.claims += claims.count
        }
        return report
    }

    private func announce(_ claims: [Claim]) {
        guard !claims.isEmpty else { return }
        // Redis holds nothing that matters: without it, PostgreSQL is asked.
        _ = try? redis?.pipeline(claims.flatMap(ClaimCache.store) + [ClaimCache.announce(claims.map(\.id))])
    }
}
