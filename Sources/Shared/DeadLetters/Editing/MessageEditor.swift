internal import Broker
internal import Claims
internal import OrderedCollections
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Replaces a dead letter by one with an edited body, and sends that to its lane.
package final class MessageEditor {
    /// The result of an edit, as JSON.
    package struct Report: Encodable, Hashable, Sendable {
        package let id: String
        /// The claim's status, or `decided_before`.
        package let status: String
    }

    private let session: OperatorSession
    private let store: DeadLetterStore
    private let archive: Archive
    private let tracker: ReplayTracker

    /// Connects to PostgreSQL, and to Redis if it can be reached.
    ///
    /// - Throws: `PostgresError`.
    package init(_ session: OperatorSession) throws {
        self.session = session
        store = DeadLetterStore(try session.postgres())
        archive = try Archive(session)
        tracker = ReplayTracker(session)
    }

    /// Returns the message to edit by its id, message id or fingerprint.
    ///
    /// - Throws: ``DeadLetterError/Code/nothingMatched``, ``DeadLetterError/Code/ambiguousID``,
    ///   ``DeadLetterError/Code/severalClaims`` or `BrokerError`.
    package static func letter(id: String, _ session: OperatorSession) throws -> DeadLetter {
        let match = try DeadLetterMatch(id: id, session)
        guard match.others.isEmpty else {
            let fingerprints = (match.others + [match.newest.message.fingerprint]).sorted()
            throw DeadLetterError(
                .ambiguousID, "different messages have the id \(id)",
                nextStep: "select one by its fingerprint: \(fingerprints.joined(separator: " "))")
        }
        guard match.newest.claims == 1 else {
            throw DeadLetterError(
                .severalClaims, "the message has \(match.newest.claims) claims, and one body can't replace them",
                nextStep: "edit the messages that the queue has of each claim")
        }
        return match.newest
    }

    /// Archives a message, sends its claim with a new body to the lane, and removes the message from the queue.
    ///
    /// - Parameter body: JSON by the rules of `POST /claims`.
    /// - Throws: ``DeadLetterError``, `BrokerError` or `PostgresError`.
    package func replaceBody(of letter: DeadLetter, with body: [UInt8]) throws -> SentClaim {
        let claim: ClaimMessage
        do throws(EditedBody.ValidationError) {
            claim = try EditedBody(body, of: letter).claim
        } catch {
            throw DeadLetterError(.invalidBody, "the new body is invalid: \(error); nothing was changed")
        }
        let queue = try DeadLetterQueue(session)
        defer { queue.close() }
        var found = try queue.entries([letter.message.compactFingerprint])
        let originals = try found.next(found.count)
        guard !originals.isEmpty else {
            throw DeadLetterError(.nothingMatched, "the message is no longer in the queue; nothing was changed")
        }
        let (rows, time) = try store.claims([claim.id])
        if let row = rows[claim.id], row.status != .deadLettered {
            throw DeadLetterError(
                .alreadyDecided,
                "the claim \(claim.id) is \(row.status.rawValue) already, so the edited message would have no effect; "
                    + "nothing was changed")
        }
        try archive.archive(originals.map(\.letter), as: .edited, note: nil)
        let publisher = try session.publisher()
        defer { publisher.close() }
        let message = letter.edited(as: claim, by: session.operatorName, at: .now())
        let lane = claim.couponName.lane(of: session.stores.lanes)
        guard try publisher.deliver([.toLane(lane, message)]).count == 1 else {
            throw DeadLetterError(
                .notStored, "the broker did not store the edited message; the original is still in the queue")
        }
        try store.reopen([claim.id], diedUntil: time)
        try? session.redis()?.send(
            .all([
                ClaimCache.publish([ClaimState(claim.pendingClaim, at: time)]), ClaimCache.markEdited(claim.id),
            ]))
        try queue.remove(originals.map(\.handle))
        return SentClaim(id: claim.id, at: time, wasDecided: false)
    }

    /// Waits for the outcome of the edited claim.
    package func report(on sent: SentClaim, atMost time: Duration) -> Report {
        let outcome = tracker.outcomes(of: [sent], atMost: time)[sent] ?? .pending
        return Report(id: sent.id.description, status: outcome.word)
    }
}

extension DeadLetter {
    /// Returns the message with another body as it is sent to its lane. Its history names the original.
    func edited(as claim: ClaimMessage, by operatorName: String, at time: Timestamp) -> BrokerMessage {
        var message = message.replayed(by: operatorName, at: time)
        let new = BrokerMessage.claim(claim, encodedBy: .shared)
        message.body = new.body
        message.properties.messageID = new.properties.messageID
        message.properties.contentType = new.properties.contentType
        message.properties.contentEncoding = nil
        message.properties.type = new.properties.type
        message.properties.timestamp = new.properties.timestamp
        // All headers must fit into one frame, so they hold the beginning of the last original only. The archive holds
        // every original completely.
        var replays = (message.properties.headers[ClaimHeaders.replays]?.array ?? []).map { entry -> AMQPValue in
            guard var table = entry.table else { return entry }
            table[Self.originalBodyHeader] = nil
            return .table(table)
        }
        if var last = replays.popLast()?.table {
            last[Self.originalFingerprintHeader] = .string(self.message.fingerprint)
            last[Self.originalBodyHeader] = .bytes(Array(self.message.body.prefix(4096)))
            replays.append(.table(last))
        }
        message.properties.headers[ClaimHeaders.replays] = .array(replays)
        return message
    }

    private static let originalFingerprintHeader = "mended"
    private static let originalBodyHeader = "original_body"
}
