internal import Broker
internal import Claims
internal import OrderedCollections
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Discards messages from the dead-letter queue into an archive, and puts messages back into the queue.
///
/// A message leaves the queue after it was archived, and is recorded as restored after the broker has confirmed it. So
/// every operation can be run again after it was interrupted.
package final class Archive {
    private let session: OperatorSession
    private let store: DeadLetterStore
    private let redis: RedisConnection?
    private static let batchSize = 200
    /// Connects to PostgreSQL, and to Redis if it can be reached.
    ///
    /// - Throws: `PostgresError`.
    package init(_ session: OperatorSession) throws {
        self.session = session
        store = DeadLetterStore(try session.postgres())
        redis = session.redis()
    }

    // MARK: Discarding

    /// Discards the messages with these fingerprints.
    ///
    /// - Parameter note: becomes the claims' reason.
    /// - Throws: `BrokerError` or `PostgresError`; some messages may be discarded then.
    package func discard(_ fingerprints: [CompactID], note: String?) throws -> DiscardReport {
        var report = DiscardReport()
        var rest = fingerprints[...]
        while !rest.isEmpty {
            let queue = try DeadLetterQueue(session)
            defer { queue.close() }
            let round = rest.prefix(OperatorRound.size(depth: try queue.depth()))
            rest = rest.dropFirst(round.count)
            var found = try queue.entries(Set(round))
            report.gone += round.count - found.count
            while case let batch = try found.next(Self.batchSize), !batch.isEmpty {
                report.claims += try archive(batch.map(\.letter), as: .discarded, note: note).count
                try queue.remove(batch.map(\.handle))
                try queue.keepAlive()
                report.discarded += batch.count
                session.progress(.init(.discarding, done: report.discarded, total: fingerprints.count))
            }
        }
        return report
    }

    /// Archives messages, and records their claims as discarded if that is the action.
    ///
    /// - Returns: the claims that are discarded now.
    @discardableResult
    func archive(
        _ letters: [DeadLetter], as action: ArchivedMessage.Action, note: String?
    ) throws -> [Claim] {
        let identical = OrderedDictionary(grouping: letters, by: { $0.message.fingerprint })
        let messages = try identical.map { fingerprint, letters in
            ArchivedMessage(
                action: action, id: letters[0].id, fingerprint: fingerprint, copies: letters.count, note: note,
                archivedBy: session.operatorName, line: try ExportedMessage(letters[0]).line)
        }
        let claims = letters.compactMap(\.deadLetteredClaim).map { claim in
            var claim = claim
            claim.reason = note
            return claim
        }
        let changed = try store.archive(messages, discarding: action == .discarded ? claims : [])
        publish(changed.map { ClaimState($0) })
        return changed
    }

    // MARK: Restoring

    /// Returns the messages that were discarded and not restored, oldest first.
    ///
    /// - Parameters:
    ///   - names: ids or fingerprints; nil for all.
    ///   - limit: only this many of the newest; nil for all.
    /// - Throws: `PostgresError`.
    package func discarded(_ names: [String]? = nil, limit: Int? = nil) throws -> [ArchivedMessage] {
        try store.discarded(names, limit: limit)
    }

    /// Puts discarded messages back into the queue.
    ///
    /// - Parameter names: ids or fingerprints.
    /// - Returns: a report, and the names that no discarded message has.
    /// - Throws: ``DeadLetterError/Code/nothingMatched`` or ``DeadLetterError/Code/notStored``, `BrokerError` or
    ///   `PostgresError`.
    package func restore(_ names: [String]) throws -> (report: RestoreReport, missing: [String]) {
        let messages = try store.discarded(names)
        guard !messages.isEmpty else {
            throw DeadLetterError(.nothingMatched, "no discarded message matches; nothing was changed")
        }
        var letters: [DeadLetter] = []
        for message in messages {
            let letter: DeadLetter
            do throws(ExportedMessage.ValidationError) {
                letter = try ExportedMessage(line: message.line).letter
            } catch {
                throw DeadLetterError(
                    .invalidArchive, "the archived message \(message.id) can't be read: \(error); nothing was changed")
            }
            letters += Array(repeating: letter, count: message.copies)
        }
        let report = try putBack(letters, fingerprints: letters.map(\.message.compactFingerprint))
        try store.recordRestored(messages.map(\.fingerprint), by: session.operatorName)
        let missing = names.filter { name in !messages.contains { $0.id == name || $0.fingerprint == name } }
        return (report, missing)
    }

    /// Puts messages into the dead-letter queue that are not there, and records their claims as dead-lettered.
    ///
    /// - Parameter fingerprints: those of all the messages.
    /// - Throws: ``DeadLetterError/Code/notStored``, `BrokerError` or `PostgresError`; some messages may be in the queue
    ///   then.
    func putBack(_ letters: some Sequence<DeadLetter>, fingerprints: [CompactID]) throws -> RestoreReport {
        // While the queue is open, no other operator adds or removes a message.
        let queue = try DeadLetterQueue(session)
        defer { queue.close() }
        var missing = Dictionary(fingerprints.map { ($0, 1) }, uniquingKeysWith: +)
        try queue.read { entry in
            let fingerprint = entry.letter.message.compactFingerprint
            if let count = missing[fingerprint], count > 0 { missing[fingerprint] = count - 1 }
        }
        // Connected after the queue was read, because it needs heartbeats.
        let publisher = try session.publisher()
        defer { publisher.close() }
        let total = missing.values.reduce(0, +)
        var report = RestoreReport()
        var batch: [DeadLetter] = []
        func finishBatch() throws {
            let absent = batch.filter { letter in
                let fingerprint = letter.message.compactFingerprint
                guard let count = missing[fingerprint], count > 0 else { return false }
                missing[fingerprint] = count - 1
                return true
            }
            // Without a new sequence number, so that the message is the same to the last byte.
            let confirmed = try publisher.deliver(absent.map { .toDeadLetters($0.message) }, numbered: false)
            report.restored += confirmed.count
            report.present += batch.count - absent.count
            guard confirmed.count == absent.count else {
                throw DeadLetterError(
                    .notStored, "the broker did not store all messages; \(report.restored) of \(total) are back",
                    nextStep: "run it again for the others")
            }
            // Includes the messages that were in the queue: an interrupted run may not have recorded their claims.
            // A restored claim keeps its time of death, which is before its discard.
            let time = try store.claims([]).time
            let claims = try store.recordDeadLettered(batch.compactMap(\.deadLetteredClaim))
            publish(claims.map { ClaimState($0, at: time) })
            report.claims += claims.count
            try queue.keepAlive()
            session.progress(.init(.restoring, done: report.restored, total: total))
            batch = []
        }
        for letter in letters {
            batch.append(letter)
            if batch.count == Self.batchSize { try finishBatch() }
        }
        try finishBatch()
        return report
    }

    /// Without Redis, readers get the claims from PostgreSQL.
    private func publish(_ states: [ClaimState]) {
        try? redis?.send(ClaimCache.publish(states))
    }
}
